#!/bin/sh
# Puts the RabbitMQ of another Debian, with the Erlang it needs, into a folder, for the tests to
# run it from there beside what this machine has:
#
#   sudo scripts/other_rabbitmq.sh FOLDER [SUITE [DEBIAN_MIRROR]]
#   CRYPTOTRACKER_TEST_RABBITMQ_ROOT=FOLDER pytest tests/infrastructure
#
# trixie, which is what it takes unless told otherwise, has RabbitMQ 4.0; sid has the newest.
# Takes half a minute and 200 MB. Nothing is installed: to be rid of it, delete the folder.
#
# Needs root and: apt-get install mmdebstrap
set -eu
[ $# -ge 1 ] || { sed -n '2,11s/^# \{0,1\}//p' "$0" >&2; exit 2; }
folder=$1 suite=${2:-trixie} mirror=${3:-http://deb.debian.org/debian}
command -v mmdebstrap >/dev/null || { echo "mmdebstrap is missing: apt-get install mmdebstrap" >&2; exit 4; }
[ ! -e "$folder/usr/lib/rabbitmq" ] || { echo "$folder has a RabbitMQ already." >&2; exit 0; }

# Unpacked only: no package is configured, so no service is set up and nobody is added. A mirror
# may lag behind what it says of itself, which is of no interest here.
mmdebstrap --quiet --variant=extract --aptopt='Acquire::Check-Valid-Until "false"' \
    --include=rabbitmq-server,base-files,dash,coreutils,sed,grep,mawk,util-linux,hostname,libc-bin \
    "$suite" "$folder" "$mirror"
echo "127.0.0.1 localhost" >"$folder/etc/hosts"
echo "RabbitMQ $(ls "$folder/usr/lib/rabbitmq/lib" | sed 's/.*-//') is in $folder."
