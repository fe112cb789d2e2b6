#!/usr/bin/env bash
# A small telephone switch in bash and curl: eight calls in real time, and what Ringback makes of each. Takes a minute.
#
#   URL=http://127.0.0.1:8080 KEY=rbk_... docs/quickstart.sh
#
# KEY needs the scopes events:write, commands:read and calls:read. Besides bash and curl it wants GNU date (milliseconds).
# Exit code 0: every call came out as the rules say. `source docs/quickstart.sh` gives the functions alone.
URL="${URL:-http://127.0.0.1:8080}"
SWITCH="${SWITCH:-quickstart}"
SOURCE="/switches/$SWITCH"
LINE_S=0.1  # what a message takes on its way, each way: a line is never without delay
RUN="$(date +%H%M%S)"  # makes the call ids of this run its own
WORK="${WORK:-$(mktemp -d)}"  # the switch's own memory: a file for each leg's state, a line for each command

# -- the door ---------------------------------------------------------------------------------------------------------

api() {  # METHOD PATH [curl's own arguments...]
    curl --silent --show-error --fail-with-body --request "$1" --header "Authorization: Bearer $KEY" "${@:3}" "$URL$2"
}

declare_switch() {
    api PUT "/v1/switches/$SWITCH" --header 'Content-Type: application/json' --data '{
        "commands": ["deflectCall", "playMessage", "stopMessage", "promptAgent", "setAgentState"], "if_other_ready": true}'
}

event() {  # CALL KIND TIME_MS DATA: post it now
    api POST /v1/events --header 'Content-Type: application/cloudevents+json' --data '{
        "specversion": "1.0", "id": "'"$1-$2-$3"'", "source": "'"$SOURCE"'", "type": "ringback.'"${FAMILY:-call}.$2"'.v1",
        "subject": "'"$1"'", "time": "'"$(rfc3339 "$3")"'", "data": '"$4"'}' >>"$WORK/answers"
}

result() {  # COMMAND_ID STATE [REASON]: what became of a command, by our clock
    local time
    time=$(rfc3339 "$(now_ms)")
    sleep "$LINE_S"
    api POST "/v1/commands/$1/result" --header 'Content-Type: application/json' --data '{
        "state": "'"$2"'", "time": "'"$time"'"'"${3:+, \"reason\": \"$3\"}"'}' >>"$WORK/answers"
}

# -- time -------------------------------------------------------------------------------------------------------------

now_ms() { date +%s%3N; }
rfc3339() { date --utc --date "@$(($1 / 1000)).$(printf %03d $(($1 % 1000)))" +%FT%T.%3NZ; }
seconds() { printf '%d.%03d' $(($1 / 1000)) $(($1 % 1000)); }
until_ms() {
    local left=$(($1 - $(now_ms)))
    if ((left > 0)); then sleep "$(seconds "$left")"; fi
}

# -- the switch -------------------------------------------------------------------------------------------------------

# CALL KIND LEG OFFSET_MS [MORE]: at $start + OFFSET_MS the leg changes, and the event leaves. NO_DELAY=1: it arrives at once.
at() {
    local time_ms=$((start + $4)) state
    case "$2" in
        offered) state=initiated ;; queued) state=queued ;; delivered) state=alerting ;; held) state=hold ;;
        established | retrieved) state=connected ;; *) state=null ;;
    esac
    until_ms "$time_ms"
    echo "$state" >"$WORK/leg.$1.$3"
    if [[ -z "${NO_DELAY:-}" ]]; then sleep "$LINE_S"; fi
    event "$1" "$2" "$time_ms" '{"connection": "'"$3"'"'"${5:+, $5}"'}'
}

ended() {  # CALL OFFSET_MS: the call is over
    until_ms $((start + $2))
    sleep "$LINE_S"
    event "$1" callCleared $((start + $2)) '{"cause": "normalClearing"}'
}

member() { sed -nE 's/.*"'"$2"'":"([^"]*)".*/\1/p' <<<"$1"; }  # JSON NAME: the text of a member

obey() {  # COMMAND: do it if the leg is still in the state that the command names; say what became of it
    local id command call leg wanted state
    id=$(member "$1" id) command=$(member "$1" command) call=$(member "$1" subject)
    leg=$(member "$1" connection) wanted=$(member "$1" if_state)
    sleep "$LINE_S"
    echo "$(now_ms) $call $id $command" >>"$WORK/commands"
    state=$(cat "$WORK/leg.$call.$leg" 2>/dev/null || true)
    if [[ -n "$wanted" && "$wanted" != "$state" ]]; then
        result "$id" refused invalidConnectionState
        return
    fi
    if [[ "$command" == deflectCall ]]; then
        start=$(now_ms) at "$call" diverted "$leg" 0 '"cause": "redirected"'
    fi
    result "$id" done
}

listen() {  # take commands for ever
    local line
    api GET "/v1/switches/$SWITCH/commands" --no-buffer --header 'Accept: text/event-stream' | while read -r line; do
        if [[ "$line" == data:* ]]; then obey "${line#data: }" & fi
    done
}

heartbeat() {  # every 5 s, for ever
    while true; do
        local at_ms
        at_ms=$(now_ms)
        sleep "$LINE_S"
        FAMILY=switch event "$SWITCH" switchHeartbeat "$at_ms" '{"clock": "'"$(rfc3339 "$at_ms")"'"}'
        sleep 5
    done
}

# -- what happens to people -------------------------------------------------------------------------------------------

comes() {  # CALL: a caller comes and is queued
    at "$1" offered c 0 '"calling": "+8679186261234", "called": "95598", "direction": "inbound"'
    at "$1" queued c 300 '"queue": "faults"'
}
rings() { at "$1" delivered "a-$2" "$3" '"device": "SIP/'"$2"'", "agent": "'"$2"'"'; }       # CALL AGENT OFFSET_MS
answers() { at "$1" established "a-$2" "$3" '"device": "SIP/'"$2"'", "agent": "'"$2"'"'; }   # CALL AGENT OFFSET_MS
holds() { at "$1" held c "$3" '"holdingDevice": "SIP/'"$2"'"'; }                             # CALL AGENT OFFSET_MS
takes_back() { at "$1" retrieved c "$3" '"holdingDevice": "SIP/'"$2"'"'; }                   # CALL AGENT OFFSET_MS
hangs_up() {  # CALL OFFSET_MS [DEVICE]: the caller, or whose device is named
    at "$1" connectionCleared "${4:-c}" "$2" '"releasingDevice": "'"${3:-+8679186261234}"'"'
    ended "$1" "$2"
}

# Every story sets `start`, the time of its call's first event; offsets are ms from there. `zero`: what its commands are timed from.
ring() {  # nobody answers at 1001: the command comes at 12 s, and 1002 takes the call
    comes "$1"; rings "$1" 1001 1000; rings "$1" 1002 14500; answers "$1" 1002 16000; hangs_up "$1" 20000
}
kept() {  # answered 12.000 s after the ringing began
    comes "$1"; rings "$1" 1003 1000; NO_DELAY=1 answers "$1" 1003 13000; hangs_up "$1" 16000
}
crossed() {  # answered at 12.05 s, while the command is under way
    comes "$1"; rings "$1" 1004 1000; answers "$1" 1004 13050; hangs_up "$1" 16000
}
two_offers() {  # 8 s at one desk, 8 s at the next
    comes "$1"; rings "$1" 1005 1000; at "$1" diverted a-1005 9000 '"cause": "redirected"'
    rings "$1" 1006 9100; answers "$1" 1006 17100; hangs_up "$1" 20000
}
hold_40() { comes "$1"; rings "$1" 1007 1000; answers "$1" 1007 2000; holds "$1" 1007 3000; takes_back "$1" 1007 43000; hangs_up "$1" 45000; }
hold_15() {  # exactly; it begins late, for NO_DELAY makes the line look faster for half a minute
    comes "$1"; rings "$1" 1008 1000; answers "$1" 1008 2000; holds "$1" 1008 38000; NO_DELAY=1 takes_back "$1" 1008 53000
    hangs_up "$1" 55000
}
hold_twice() {
    comes "$1"; rings "$1" 1009 1000; answers "$1" 1009 2000; holds "$1" 1009 3000; takes_back "$1" 1009 20000
    holds "$1" 1009 22000; takes_back "$1" 1009 39000; hangs_up "$1" 41000
}
agent_first() { comes "$1"; rings "$1" 1010 1000; answers "$1" 1010 2000; hangs_up "$1" 8000 SIP/1010 a-1010; }

# -- what came of it --------------------------------------------------------------------------------------------------

objects() { grep -oE '"'"$2"'":\[[^]]*\]' <<<"$1" | grep -oE '\{[^{}]*\}' || true; }  # JSON NAME: the flat objects of a list, one a line
number() { sed -nE 's/.*"'"$2"'":([0-9.]+).*/\1/p' <<<"$1"; }

seen() {  # CALL ZERO_MS: its commands and breaches, one a line, times in seconds from ZERO_MS
    local found id call one due
    found=$(api GET "/v1/calls?source=$SOURCE&subject=$1")
    id=$(member "$found" call)
    call=$(api GET "/v1/calls/$id")
    objects "$call" interventions | while read -r one; do
        due=$(date --date "$(member "$one" due_at)" +%s%3N)
        echo "$(seconds $((due - $2))) $(member "$one" rule) $(member "$one" command) $(member "$one" outcome) $(member "$one" reason)"
    done | sed 's/ *$//'
    objects "$call" breaches | while read -r one; do
        echo "breach $(member "$one" rule) $(member "$one" agent) $(number "$one" actual)"
    done | sed 's/ *$//'
}

told() {  # NAME ZERO_OFFSET_MS WHAT EXPECTED: print what happened; 1 if it is not as expected (patterns, one a line)
    local call="$RUN-$1" lines line pattern wrong=0
    lines=$(seen "$call" $((start + $2)))
    echo "$1: $3"
    sed 's/^/    /' <<<"${lines:-nothing}"
    while read -r line; do
        read -r pattern <&3 || pattern=nothing
        if [[ ! "${line:-nothing}" =~ ^${pattern:-nothing}$ ]]; then wrong=1; fi
    done <<<"$lines" 3<<<"$4"
    if [[ $(wc -l <<<"$lines") != $(wc -l <<<"$4") ]]; then wrong=1; fi
    if ((wrong)); then printf '    NOT AS EXPECTED, which was:\n%s\n' "$4"; fi
    return "$wrong"
}

main() {
    : "${KEY:?set KEY to an API key: ringback keys create}"
    declare_switch
    echo
    set -m  # each in a process group of its own, to be ended whole
    listen & local listener=$!
    heartbeat & local heart=$!
    set +m
    trap "kill -- -$listener -$heart 2>/dev/null" EXIT
    sleep 1
    local start wrong=0 name
    start=$(now_ms)
    local stories=()
    for name in ring kept crossed two_offers hold_40 hold_15 hold_twice agent_first; do
        "$name" "$RUN-$name" &
        stories+=($!)
    done
    echo "eight calls are under way, the longest takes 56 s ..."
    wait "${stories[@]}"
    sleep 3  # a command that nobody answers would be closed 2 s after its time
    told ring 1000 'rings at 1001 and nobody answers; seconds from the ringing' \
'12.000 RING-1 deflectCall done
12.[0-9]{3} RING-1 setAgentState done
15.000 RING-2 promptAgent done
breach RING-1 1001 12.[0-9]+
breach RING-2 1002 15' || wrong=1
    told kept 1000 'is answered at 12.000 s' 'nothing' || wrong=1
    told crossed 1000 'is answered at 12.050 s, when the command is under way already: the switch refuses, the call lives' \
'12.000 RING-1 deflectCall refused invalidConnectionState
12.050 RING-2 promptAgent done
breach RING-1 1004 12.05
breach RING-2 1004 12.05' || wrong=1
    told two_offers 1000 'rings 8 s at 1005 and 8 s at 1006: no offer too long, but the caller waited' \
'16.100 RING-2 promptAgent done
breach RING-2 1006 16.1' || wrong=1
    told hold_40 3000 'is held for 40 s; seconds from the hold' \
'0.000 HOLD-1 promptAgent done
15.000 HOLD-2 playMessage done
30.000 HOLD-2 playMessage done
40.000 HOLD-1 promptAgent done' || wrong=1
    told hold_15 38000 'is held for exactly 15.000 s: no notice is owed' \
'0.000 HOLD-1 promptAgent done
15.000 HOLD-1 promptAgent done' || wrong=1
    told hold_twice 3000 'is held twice for 17 s; seconds from the first hold' \
'0.000 HOLD-1 promptAgent done
15.000 HOLD-2 playMessage done
17.000 HOLD-1 promptAgent done
19.000 HOLD-1 promptAgent done
34.000 HOLD-2 playMessage done
36.000 HOLD-1 promptAgent done' || wrong=1
    echo "    the ids of its two notices, a new one for each hold:"
    awk -v call="$RUN-hold_twice" '$2 == call && $4 == "playMessage" { print "    " $3 }' "$WORK/commands"
    told agent_first 0 'is ended by the agent, who gives no reason' 'breach END-1 1010' || wrong=1
    return "$wrong"
}

if [[ "${BASH_SOURCE[0]}" == "$0" ]]; then
    set -euo pipefail
    main
fi
