#!/bin/bash
# Starts the proxy.
set -e
SECRET="000102030405060708090a0b0c0d0e0f"
export PORT=2443
cd /srv/proxy && ulimit -n 65536
curl -s https://core.telegram.org/getProxySecret -o proxy-secret   # every day
exec ./mtproto-proxy -6 -R --http-ports=$PORT --mtproto-secret "$SECRET" \
    --max-special 500 -c 2000 -W 65536 --log /var/log/mtproxy.log -d -vv -T 10 --cpu-threads 4 \
    --max-accept-rate 200 --msg-buffers-size 512m proxy-multi.conf >/dev/null 2>&1 &
