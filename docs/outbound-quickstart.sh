#!/usr/bin/env bash
# A small switch in bash and curl that takes dial orders: one call out, from the order to the record. Takes some seconds.
#
#   RINGBACK_DB=sqlite:///quickstart.db URL=http://127.0.0.1:8080 KEY=rbk_... docs/outbound-quickstart.sh
#
# KEY needs the scopes events:write, commands:read and calls:read. RINGBACK_DB is the ledger of the running service: the
# orders are put into it by docs/dial-order.py (PYTHON runs it, .venv/bin/python by default). TENANT is the key's tenant.
# Besides bash and curl it wants GNU date. Exit code 0: the call came out as it should, and was dialled once.
# `source docs/outbound-quickstart.sh` gives the functions alone.
URL="${URL:-http://127.0.0.1:8080}"
TENANT="${TENANT:-demo}"
SWITCH="${SWITCH:-outbound-quickstart}"
SOURCE="/switches/$SWITCH"
DOCS="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
PYTHON="${PYTHON:-$DOCS/../.venv/bin/python}"
WORK="${WORK:-$(mktemp -d)}"
MEMORY="${MEMORY:-$WORK/orders}"  # what a switch must remember for 72 h, across restarts: a file for each order's id
mkdir -p "$MEMORY"

# -- the door ---------------------------------------------------------------------------------------------------------

api() {  # METHOD PATH [curl's own arguments...]
    curl --silent --show-error --fail-with-body --request "$1" --header "Authorization: Bearer $KEY" "${@:3}" "$URL$2"
}

now() { date --utc +%FT%T.%3NZ; }
member() { sed -nE 's/.*"'"$2"'":"([^"]*)".*/\1/p' <<<"$1"; }     # JSON NAME: the text of a member
number() { sed -nE 's/.*"'"$2"'":([0-9]+).*/\1/p' <<<"$1"; }      # JSON NAME: a whole number

declare_switch() {
    api PUT "/v1/switches/$SWITCH" --header 'Content-Type: application/json' --data '{
        "commands": ["makeCall", "snapshotCall", "clearConnection"], "outbound": 1,
        "trunk_groups": {"main": {"calls_per_second": 1, "calls_at_once": 10, "caller_id": "95598"}}}'
}

event() {  # SUBJECT KIND DATA [ORDER]: post it now
    api POST /v1/events --header 'Content-Type: application/cloudevents+json' --data '{
        "specversion": "1.0", "id": "'"$1-$2-$(date +%s%N)"'", "source": "'"$SOURCE"'",
        "type": "ringback.'"${FAMILY:-call}.$2"'.v1", "subject": "'"$1"'", "time": "'"$(now)"'",
        '"${4:+\"commandid\": \"$4\",}"' "data": '"$3"'}' >>"$WORK/answers"
}

result() {  # ORDER STATE [MORE]: what became of an order
    api POST "/v1/commands/$1/result" --header 'Content-Type: application/json' --data '{
        "state": "'"$2"'", "time": "'"$(now)"'"'"${3:+, $3}"'}' >>"$WORK/answers"
}

heartbeat() {  # every 5 s, for ever: a switch that is not heard is not dialled on
    while true; do
        FAMILY=switch event "$SWITCH" switchHeartbeat '{"clock": "'"$(now)"'"}'
        sleep 5
    done
}

# -- the switch -------------------------------------------------------------------------------------------------------

listen() {  # take orders for ever
    local line
    api GET "/v1/switches/$SWITCH/commands" --no-buffer --header 'Accept: text/event-stream' | while read -r line; do
        if [[ "$line" == data:* ]]; then obey "${line#data: }"; fi
    done
}

obey() {  # ORDER AS JSON
    echo "$1" >>"$WORK/received"
    case "$(member "$1" command)" in
        makeCall) dial "$1" ;;
        snapshotCall) answer "$(member "$1" id)" "$(member "$1" about)" ;;
        *) result "$(member "$1" id)" refused '"reason": "notSupported"' ;;
    esac
}

dial() {  # ORDER AS JSON: remember it, say that it will be dialled, dial
    local id to call
    id=$(member "$1" id) to=$(member "$1" to) call="out-$id"
    if [[ -e "$MEMORY/$id" ]]; then
        result "$id" refused '"reason": "duplicate"'
        return
    fi
    if (($(number "$1" valid_for_ms) <= 0)); then
        result "$id" refused '"reason": "expired"'
        return
    fi
    echo live >"$MEMORY/$id" && sync "$MEMORY/$id"  # on disk before anything rings
    result "$id" accepted
    event "$call" originated '{"direction": "outbound", "calling": "95598", "called": "'"$to"'", "connection": "p", "trunk": "main"}' "$id"
    result "$id" done
    event "$call" delivered '{"connection": "p", "device": "'"$to"'"}'
    sleep 1
    event "$call" established '{"connection": "p", "device": "'"$to"'"}'
    event "$call" announcementEnded '{"connection": "p", "message": "opening"}'
    event "$call" digitsGenerated '{"connection": "p", "digits": "1"}'
    event "$call" announcementEnded '{"connection": "p", "message": "body"}'
    event "$call" connectionCleared '{"connection": "p", "releasingDevice": "'"$to"'", "q850": 16}'
    event "$call" callCleared '{"cause": "normalClearing"}'
    echo "ended $(now)" >"$MEMORY/$id"
}

answer() {  # QUESTION ORDER: what became of an order that somebody asks about
    local state ended_at
    if [[ ! -e "$MEMORY/$2" ]]; then
        echo refused >"$MEMORY/$2" && sync "$MEMORY/$2"  # from now on it is refused: its number may be called again
        result "$1" done '"answer": "never_seen"'
        return
    fi
    read -r state ended_at <"$MEMORY/$2"
    case "$state" in
        live) result "$1" done '"answer": "live"' ;;
        ended) result "$1" done '"answer": "ended", "cause": "normalClearing", "q850": 16, "ended_at": "'"$ended_at"'"' ;;
        *) result "$1" done '"answer": "never_seen"' ;;
    esac
}

# -- the dialler ------------------------------------------------------------------------------------------------------

order() { "$PYTHON" "$DOCS/dial-order.py" --tenant "$TENANT" --switch "$SWITCH" "$@"; }  # --to NUMBER, or --ask ORDER

received() { grep -c "\"id\":\"$1\"" "$WORK/received" 2>/dev/null || true; }  # ORDER: how often it came

until_told() {  # TEXT: wait until the switch has posted the end of something; ten seconds at most
    local n
    for n in $(seq 100); do
        if grep -qs "$1" "$2"; then return; fi
        sleep 0.1
    done
    echo "no $1 in $2 after ten seconds" >&2
    return 1
}

main() {
    : "${KEY:?set KEY to an API key: ringback keys create}"
    local id question call wrong=0
    declare_switch
    echo
    set -m  # each in a process group of its own, to be ended whole
    listen & local listener=$!
    heartbeat & local heart=$!
    set +m
    trap 'kill -- -"'"$listener"'" -"'"$heart"'" 2>/dev/null' EXIT
    sleep 1
    id=$(order --to +8613812345678)
    echo "order $id is in the ledger"
    until_told ended "$MEMORY/$id"
    kill -- -"$listener"
    set -m; listen & listener=$!; set +m
    trap 'kill -- -"'"$listener"'" -"'"$heart"'" 2>/dev/null' EXIT
    sleep 1
    question=$(order --ask "$id")
    until_told "\"id\":\"$question\"" "$WORK/received"
    echo "the switch got the order $(received "$id") time, and was asked $(received "$question") time"
    [[ "$(received "$id") $(received "$question")" == "1 1" ]] || wrong=1
    call=$(api GET "/v1/calls?source=$SOURCE&limit=1")
    call=$(member "$call" call)
    api GET "/v1/calls/$call" | grep -o '"commandid":"[^"]*"' | head -n 1 | sed "s/^/the call $call carries /"
    api GET "/v1/calls/$call" | grep -q '"commandid":"'"$id"'"' || wrong=1
    return "$wrong"
}

if [[ "${BASH_SOURCE[0]}" == "$0" ]]; then
    set -euo pipefail
    main
fi
