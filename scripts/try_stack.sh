#!/bin/sh
# Brings the stack of docker-compose.yml up under a name of its own, looks whether all of it works,
# kills the broker, looks whether the alerts fire and fall silent again, and removes all of it:
#
#   scripts/try_stack.sh        takes about four minutes, most of it waiting for alerts
#
# Needs Docker with Compose, curl, and either a registry of images or scripts/stand_in_images.sh.
# Grafana is tried where its image is.
set -eu
cd "$(dirname "$0")/.."
project=cryptotracker-try
api=http://127.0.0.1:18000
export CRYPTOTRACKER_PORT=18000 GRAFANA_PORT=13000 COMPOSE_PROFILES=simulated
export CRYPTOTRACKER_MODE=simulated COMPOSE_PROJECT_NAME=$project
services="rabbitmq influxdb prometheus simulator stream store refresh serve"
docker image inspect grafana/grafana:11.6.14 >/dev/null 2>&1 && services="$services grafana"

if docker compose version >/dev/null 2>&1; then compose() { docker compose "$@"; }
else compose() { docker-compose "$@"; }; fi

say() { printf '%s  %s\n' "$(date +%T)" "$*"; }

fail() {
    say "FAILED: $*" >&2
    compose ps >&2
    exit 1
}

# Runs a command until it succeeds; fails with the text if it does not within so many seconds.
within() {
    seconds=$1 text=$2
    shift 2
    end=$(($(date +%s) + seconds))
    until "$@"; do
        [ "$(date +%s)" -lt "$end" ] || fail "not within $seconds s: $text"
        sleep 1
    done
    say "$text"
}

container() { compose ps -q "$1"; }

all_healthy() {
    for service in $services; do
        state=$(docker inspect --format '{{.State.Health.Status}}' "$(container "$service")") || return 1
        [ "$state" = healthy ] || return 1
    done
}

told() { curl -fsS --max-time 5 "$api$1" 2>/dev/null; }
venues_are_live() { told /v1/venues | grep -q '"state":"live"' && ! told /v1/venues | grep -qE '"state":"(down|connecting|refused)"'; }
trades_are_stored() { told '/v1/trades?venue=binance&symbol=BTC-USDT&limit=1' | grep -q '"id"'; }
candles_are_stored() { told '/v1/candles?venue=binance&symbol=BTC-USDT&limit=2' | grep -q '"closed":true'; }

prometheus() {
    docker exec "$(container prometheus)" wget -q -O - "http://127.0.0.1:9090/api/v1/$1"
}
targets_are_up() {
    found=$(prometheus targets?state=active)
    [ "$(echo "$found" | grep -o '"health":"up"' | wc -l)" -ge 8 ] &&
        ! echo "$found" | grep -qE '"health":"(down|unknown)"'
}
firing() { prometheus "query?query=ALERTS%7Balertstate=\"firing\",$1%7D" | grep -q alertname; }
fires() { firing "alertname=\"$1\""; }
nothing_critical_fires() { ! firing 'severity="critical"'; }

no_secret_is_in_an_environment() {
    seen=$(docker inspect $(compose ps -q))
    for service in stream store refresh serve influxdb; do
        for secret in $(docker exec "$(container $service)" sh -c 'cat /run/secrets/*token* /run/secrets/*password* 2>/dev/null; true'); do
            ! echo "$seen" | grep -qF "$secret" || return 1
        done
    done
}

trap 'compose down --volumes --remove-orphans >/dev/null 2>&1' EXIT INT TERM

# shellcheck disable=SC2086  # a word for each service
compose up --detach $services >/dev/null 2>&1 || fail "compose up"
within 120 "every service is healthy" all_healthy
within 60 "every venue is live" venues_are_live
within 30 "trades are stored and told" trades_are_stored
within 150 "closed candles are stored and told" candles_are_stored
within 30 "Prometheus reaches everybody" targets_are_up
no_secret_is_in_an_environment || fail "a secret is in an environment"
say "no secret is in an environment"
! compose run --rm tokens 2>&1 | grep -q token.made || fail "valid tokens were made anew"
say "tokens that are valid stay"
within 30 "no critical alert fires" nothing_critical_fires

broker=$(container rabbitmq)
docker update --restart no "$broker" >/dev/null
docker kill "$broker" >/dev/null
say "the broker is killed"
within 90 "BrokerAway fires" fires BrokerAway
within 90 "BrokerProbeRed fires" fires BrokerProbeRed
docker start "$broker" >/dev/null
say "the broker is started"
within 120 "every service is healthy again" all_healthy
within 120 "no critical alert fires any more" nothing_critical_fires
within 60 "every venue is live again" venues_are_live
say "all of it works"
