#!/bin/sh
# Makes stand-ins for the images that docker-compose.yml names, out of Debian's own packages, so
# that the stack can be brought up where a Debian mirror is in reach but no image registry:
#
#   sudo scripts/stand_in_images.sh [SUITE [DEBIAN_MIRROR]]
#   docker compose up --build simulator stream serve prometheus    (and what they depend on)
#
# SUITE is the Debian that RabbitMQ and Prometheus are taken from. trixie, unless told otherwise,
# has RabbitMQ 4.0 and Prometheus 2.53; sid has the newest; bookworm has RabbitMQ 3.10.
#
# python:3.11-slim        Debian 12 with its Python, and the wheels that requirements.lock names
# rabbitmq:4-management   that Debian's RabbitMQ
# influxdb:2.7            InfluxDB 1.6 behind the gateway of the tests, which speaks the v2 API
# prom/prometheus:v3.5.0  that Debian's Prometheus
# cryptotracker           ours, by the Dockerfile that serves everywhere else too
#
# Grafana has no stand-in, so it is left out. What they prove is our files and how the parts meet,
# not the images that they stand for. They carry the label stand-in; an image without it is never
# replaced. To be rid of them:
#   docker image rm python:3.11-slim rabbitmq:4-management influxdb:2.7 \
#       prom/prometheus:v3.5.0 stand-in/bookworm stand-in/SUITE
#
# Needs root, a running Docker engine, and: apt-get install debootstrap python3-pip
set -eu
cd "$(dirname "$0")/.."
suite=${1:-trixie}
mirror=${2:-} # empty: the one that debootstrap knows

need() {
    command -v "$1" >/dev/null 2>&1 || { echo "$1 is missing: apt-get install $2" >&2; exit 4; }
}

refuse_to_replace() {
    label=$(docker image inspect --format '{{index .Config.Labels "stand-in"}}' "$1" 2>/dev/null) ||
        return 0
    [ "$label" = true ] && return 0
    echo "$1 is here already and no stand-in; it is left alone." >&2
    exit 1
}

# Makes stand-in/$1 of the Debian of that name, with the packages $2.
import_debian() {
    debootstrap --variant=minbase --include="$2" "$1" "$work/root" ${mirror:+"$mirror"} \
        >"$work/log" 2>&1 || { tail -n 20 "$work/log" >&2; exit 1; }
    # Packages must not start their services while an image is built.
    printf '#!/bin/sh\nexit 101\n' >"$work/root/usr/sbin/policy-rc.d"
    chmod 0755 "$work/root/usr/sbin/policy-rc.d"
    rm -rf "$work/root/var/cache/apt/archives" "$work/root/var/lib/apt/lists"
    # A mirror may lag behind what it says of itself.
    echo 'Acquire::Check-Valid-Until "false";' >"$work/root/etc/apt/apt.conf.d/99-lagging"
    tar -C "$work/root" -c . |
        docker import --change 'LABEL stand-in=true' --change 'ENV LANG=C.UTF-8' \
            - "stand-in/$1" >/dev/null
    rm -rf "$work/root"
    echo "stand-in/$1 is made."
}

download_wheels() {
    python3 -m pip download --quiet --disable-pip-version-check --no-deps --require-hashes \
        --only-binary=:all: --python-version 3.11 --requirement requirements.lock \
        --dest "$work/wheels"
}

# Builds image $1 of the Dockerfile on standard input; the context is $work. The network is the
# host's, so that apt-get reaches whatever mirror the host reaches.
build() {
    docker build --quiet --network host --tag "$1" --file - "$work" >/dev/null
    echo "$1 is made."
}

need docker docker.io
need debootstrap debootstrap
python3 -m pip --version >/dev/null 2>&1 || need pip3 python3-pip
for image in python:3.11-slim rabbitmq:4-management influxdb:2.7 prom/prometheus:v3.5.0; do
    refuse_to_replace "$image"
done
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM

import_debian bookworm ca-certificates,curl,python3,python3-pip,python3-venv
[ "$suite" = bookworm ] || import_debian "$suite" ca-certificates
download_wheels
cp tests/servers/influx_gateway.py "$work"

# The index is inside, so that a build that only knows the lock file finds what it names.
build python:3.11-slim <<'DOCKERFILE'
FROM stand-in/bookworm
RUN ln -s python3 /usr/bin/python
COPY wheels /wheels
ENV PIP_NO_INDEX=1 PIP_FIND_LINKS=/wheels
CMD ["python"]
DOCKERFILE

# The wrappers in /usr/sbin would change the user; those in /usr/lib/rabbitmq/bin do not.
build rabbitmq:4-management <<DOCKERFILE
FROM stand-in/$suite
RUN apt-get update -qq \
 && apt-get install -qq --yes --no-install-recommends rabbitmq-server >/dev/null \
 && rm -rf /var/lib/apt/lists /var/lib/rabbitmq/.erlang.cookie
ENV HOME=/var/lib/rabbitmq PATH=/usr/lib/rabbitmq/bin:/usr/sbin:/usr/bin:/sbin:/bin
VOLUME /var/lib/rabbitmq
EXPOSE 5672 15672 15692
CMD ["rabbitmq-server"]
DOCKERFILE

# InfluxDB 1 listens on loopback only and asks nobody who he is; the gateway in front of it does.
cat >"$work/influxdb" <<'SCRIPT'
#!/bin/sh
set -eu
cat >/tmp/influxd.toml <<'CONFIG'
reporting-enabled = false
bind-address = "127.0.0.1:8088"
[meta]
  dir = "/var/lib/influxdb2/meta"
[data]
  dir = "/var/lib/influxdb2/data"
  wal-dir = "/var/lib/influxdb2/wal"
  query-log-enabled = false
[monitor]
  store-enabled = false
[http]
  bind-address = "127.0.0.1:8087"
  log-enabled = false
CONFIG
influxd -config /tmp/influxd.toml &
exec python - <<'PYTHON'
import os
from pathlib import Path
from influx_gateway import Gateway, web

gateway = Gateway(
    "http://127.0.0.1:8087",
    token=Path(os.environ["DOCKER_INFLUXDB_INIT_ADMIN_TOKEN_FILE"]).read_text().strip(),
    user="nobody",
    password="none",
    kept=Path("/var/lib/influxdb2/tokens.json"),
)
web.run_app(gateway.app(), host="0.0.0.0", port=8086, access_log=None)
PYTHON
SCRIPT

build influxdb:2.7 <<'DOCKERFILE'
FROM python:3.11-slim
RUN apt-get update -qq \
 && apt-get install -qq --yes --no-install-recommends influxdb >/dev/null \
 && rm -rf /var/lib/apt/lists \
 && pip install --quiet --break-system-packages aiohttp \
 && mkdir -p /etc/influxdb2 /var/lib/influxdb2 \
 && chown influxdb: /etc/influxdb2 /var/lib/influxdb2
COPY influx_gateway.py /opt/
COPY --chown=0:0 influxdb /usr/local/bin/
RUN chmod 0755 /usr/local/bin/influxdb
ENV PYTHONPATH=/opt
VOLUME /var/lib/influxdb2 /etc/influxdb2
EXPOSE 8086
CMD ["influxdb"]
DOCKERFILE

build prom/prometheus:v3.5.0 <<DOCKERFILE
FROM stand-in/$suite
RUN apt-get update -qq \
 && apt-get install -qq --yes --no-install-recommends prometheus wget >/dev/null \
 && rm -rf /var/lib/apt/lists /etc/prometheus \
 && mkdir /prometheus && chown nobody: /prometheus
USER nobody
VOLUME /prometheus
EXPOSE 9090
ENTRYPOINT ["prometheus"]
DOCKERFILE

docker build --quiet --tag cryptotracker --file infrastructure/docker/Dockerfile . >/dev/null
echo "cryptotracker is made."
