#!/usr/bin/env bash
# Measures .build/release/martlet against crelay, a minimal C relay that does the same work, in interleaved runs.
#   scripts/bench.sh [ROUNDS [WORKLOADS]]     for example: scripts/bench.sh 5 down64,up64
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${1:-3}
workloads=${2:-down1,down64,up64,connect,idle2000}
martlet=$PWD/.build/release/martlet
[ -x "$martlet" ] || { echo "build it first: make build" >&2; exit 1; }
state=$(mktemp -d)
trap 'rm -rf "$state"' EXIT

# Telegram's proxy secret is the same for everybody; the fake middle proxies take the one of the load generator.
grep -o '"[0-9a-f]*"' bench/middle.h | tr -d '"\n' | python3 -c 'import sys; sys.stdout.buffer.write(bytes.fromhex(sys.stdin.read()))' > "$state/secret"
echo "default 2;" > "$state/list"
for id in 1 2 3 4 5; do echo "proxy_for $id 127.0.79.$id:8888; proxy_for -$id 127.0.79.$id:8888;" >> "$state/list.all"; done
tr ';' '\n' < "$state/list.all" | sed 's/^ *//; /^$/d; s/$/;/' | sort -k2,2n >> "$state/list"

addresses() { for id in 1 2 3 4 5; do printf -- '%s %s:{%s}.%s:443 ' "$1" "$id" "$2" "$id"; done; }
common="--port {port} --secret {secret} --secret {eesecret} --no-cfproxy --log-level warning"
tcp="$martlet run $common --state-dir $state/tcp --no-websocket $(addresses --tcp-address dcnet)"
# dc.pem is the fake data center's own certificate, written when it starts.
websocket="$martlet run $common --state-dir $state/websocket --no-direct-tcp --ca-file /tmp/mtload/dc.pem $(addresses --dc-ip wssnet)"

python3 bench/run.py --quiet --rounds "$rounds" --workloads "$workloads" --targets crelay --refs crelay \
    --proxy "martlet=9300=$tcp"
echo
echo "WebSocket route, against martlet's own direct TCP route:"
python3 bench/run.py --quiet --rounds "$rounds" --workloads down64,up64,idle2000 --kinds dd --targets "" --refs martlet \
    --proxy "martlet=9300=$tcp" --proxy "martlet-websocket=9301=$websocket"
echo
echo "Middle-proxy route, against the C relay's direct route:"
middle="$martlet run $common --state-dir $state/middle --no-websocket --no-direct-tcp --middle-proxy always
    --ad-tag 0123456789abcdef0123456789abcdef --middle-proxy-secret-file $state/secret
    --middle-proxy-config-file $state/list --address-service none"
python3 bench/run.py --quiet --rounds "$rounds" --workloads down64,up64,idle9000 --kinds dd,ee --targets crelay --refs crelay \
    --proxy "martlet-middle=9302=$middle"
