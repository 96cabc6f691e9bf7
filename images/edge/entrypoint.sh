#!/bin/sh
# Runs NGINX as VibeCode's edge, without root and with nothing but /tmp to write to.
#
#   entrypoint.sh          runs it; SIGTERM and SIGQUIT let requests under way finish
#   entrypoint.sh render   prints the configuration
#
# VIBECODE_EDGE_APP               host:port of the control plane's application  control-plane:8080
# VIBECODE_EDGE_VERIFY            host:port of its edge API                     control-plane:8082
# VIBECODE_EDGE_TUNNEL            host:port of the tunnel, or unix:/path        127.0.0.1:8090
# VIBECODE_EDGE_HTTP_PORT         plain http                                    8080
# VIBECODE_EDGE_HTTPS_PORT        https, where there is a certificate           8443
# VIBECODE_EDGE_HEALTH_PORT       /healthz and /tunnel/healthz                  8081
# VIBECODE_EDGE_TLS_DIR           folder of tls.crt and tls.key                 /etc/vibecode/tls
# VIBECODE_EDGE_REDIRECT          true: http answers with a redirect to https   false
# VIBECODE_EDGE_PUBLIC_HTTPS_PORT the https port that browsers see              443
# VIBECODE_EDGE_HSTS              seconds of Strict-Transport-Security; 0: none 31536000 with redirect, else 0
# VIBECODE_EDGE_TRUSTED_PROXIES   CIDRs whose X-Forwarded-For and -Proto count  none
# VIBECODE_EDGE_PROXY_PROTOCOL    true: those proxies speak the PROXY protocol  false
# VIBECODE_EDGE_BODY_LIMIT        most bytes of a request to the control plane  1048576
# VIBECODE_EDGE_REQUESTS          requests a second of one client; 0: no limit  500
# VIBECODE_EDGE_BURST             of one client, that may come at once before   5000
# VIBECODE_EDGE_AT_ONCE           one client's open at a time; 0: no limit      2000
# VIBECODE_EDGE_WORKERS           worker processes                              2
# VIBECODE_EDGE_CONNECTIONS       connections of a worker                       8192
# VIBECODE_EDGE_DRAIN             seconds that requests under way get at the end 10
# VIBECODE_EDGE_ACCESS_LOG        true: one line of JSON a request, to stdout   true
# VIBECODE_EDGE_CHECK             seconds between two looks at certificate and addresses  60
set -eu

here=$(CDPATH='' cd -- "$(dirname -- "$0")" && pwd)
tmp=${VIBECODE_EDGE_TMP:-/tmp}
lua=${VIBECODE_EDGE_LUA:-$here}
tls=${VIBECODE_EDGE_TLS_DIR:-/etc/vibecode/tls}
conf=$tmp/nginx.conf
nginx=$(command -v nginx || echo /usr/sbin/nginx)

fail() {
    echo "edge: $1" >&2
    exit 1
}

setting() { # NAME PATTERN DEFAULT: the variable's value, which has to look right, since it becomes a part of a program
    eval "value=\${VIBECODE_EDGE_$1:-}"
    [ -n "$value" ] || value=$3
    printf '%s' "$value" | grep -Eqx "$2" || fail "VIBECODE_EDGE_$1 is not right: '$value'"
    printf '%s' "$value"
}

has_tls() {
    [ -s "$tls/tls.crt" ] && [ -s "$tls/tls.key" ]
}

listen() { # PORT PARAMETERS
    echo "        listen $1 $2;"
    case $1 in
    *:*) ;; # one address
    *) if [ -e /proc/net/if_inet6 ]; then echo "        listen [::]:$1 $2;"; fi ;;
    esac
}

version_at_least_1_25() {
    "$nginx" -v 2>&1 | grep -Eq 'nginx/(1\.(2[5-9]|[3-9][0-9])|[2-9])'
}

listeners() {
    alive=so_keepalive=60s:20s:3
    proxied=
    if [ "$proxy_protocol" = true ]; then proxied=' proxy_protocol'; fi
    listen "$http_port" "default_server $alive$proxied"
    if has_tls; then
        if version_at_least_1_25; then
            listen "$https_port" "ssl default_server $alive$proxied"
            echo "        http2 on;"
        else
            listen "$https_port" "ssl http2 default_server $alive$proxied"
        fi
        echo "        ssl_certificate $tls/tls.crt;"
        echo "        ssl_certificate_key $tls/tls.key;"
    fi
}

real_ip() {
    for cidr in $trusted; do echo "    set_real_ip_from $cidr;"; done
    if [ "$proxy_protocol" = true ]; then
        echo "    real_ip_header proxy_protocol;"
    elif [ -n "$trusted" ]; then
        echo "    real_ip_header X-Forwarded-For;"
        echo "    real_ip_recursive on;"
    fi
}

zones() {
    if [ "$requests" != 0 ]; then echo "    limit_req_zone \$edge_client zone=requests:4m rate=${requests}r/s;"; fi
    if [ "$at_once" != 0 ]; then echo "    limit_conn_zone \$edge_client zone=at_once:4m;"; fi
}

share() {
    if [ "$requests" != 0 ]; then echo "            limit_req zone=requests burst=$burst nodelay;"; fi
    if [ "$at_once" != 0 ]; then echo "            limit_conn at_once $at_once;"; fi
}

render() {
    address='(unix:/[A-Za-z0-9._/-]+|[A-Za-z0-9.-]+:[0-9]+|\[[0-9a-fA-F:]+\]:[0-9]+)'
    control_plane=$(setting APP "$address" control-plane:8080)
    verify=$(setting VERIFY "$address" control-plane:8082)
    tunnel=$(setting TUNNEL "$address" 127.0.0.1:8090)
    # Tests have NGINX listen on one address; in a container it is every one.
    port='([0-9.]+:)?[0-9]+'
    http_port=$(setting HTTP_PORT "$port" 8080)
    https_port=$(setting HTTPS_PORT "$port" 8443)
    health_port=$(setting HEALTH_PORT "$port" 8081)
    public_port=$(setting PUBLIC_HTTPS_PORT '[0-9]+' 443)
    redirect=$(setting REDIRECT 'true|false' false)
    proxy_protocol=$(setting PROXY_PROTOCOL 'true|false' false)
    trusted=$(setting TRUSTED_PROXIES '[0-9a-fA-F.:/ ]+' ' ')
    body_limit=$(setting BODY_LIMIT '[0-9]+' 1048576)
    requests=$(setting REQUESTS '[0-9]{1,6}' 500)
    burst=$(setting BURST '[1-9][0-9]{0,5}' 5000)
    at_once=$(setting AT_ONCE '[0-9]{1,5}' 2000)
    workers=$(setting WORKERS '[0-9]+|auto' 2)
    connections=$(setting CONNECTIONS '[0-9]+' 8192)
    log=$(setting ACCESS_LOG 'true|false' true)

    if [ "$log" = true ]; then log='/dev/stdout edge'; else log=off; fi
    redirect_flag=
    hsts_default=0
    if [ "$redirect" = true ]; then
        # A proxy in front may end TLS, so redirecting needs no certificate here.
        if ! has_tls && [ -z "${trusted# }" ]; then fail "a redirect to https needs $tls/tls.crt and tls.key"; fi
        redirect_flag=1
        hsts_default=31536000
    fi
    hsts=$(setting HSTS '[0-9]+' $hsts_default)
    if [ "$hsts" = 0 ]; then hsts=; else hsts="max-age=$hsts"; fi
    suffix=
    if [ "$public_port" != 443 ]; then suffix=":$public_port"; fi
    files=$((connections * 2 + 1024))
    most=$(ulimit -Hn)
    if [ "$most" != unlimited ] && [ "$most" -lt "$files" ]; then files=$most; fi

    listeners >"$tmp/listen.part"
    listen "$health_port" default_server >"$tmp/health.part"
    real_ip >"$tmp/real_ip.part"
    zones >"$tmp/zones.part"
    share >"$tmp/share.part"
    # What speaks the PROXY protocol passes the client's own headers through, so it vouches for no X-Forwarded-Proto.
    : >"$tmp/trusted.part"
    if [ "$proxy_protocol" = false ]; then
        for cidr in $trusted; do echo "        $cidr 1;"; done >"$tmp/trusted.part"
    fi
    sed \
        -e "/^@LISTEN@\$/{r $tmp/listen.part" -e 'd}' \
        -e "/^@HEALTH_LISTEN@\$/{r $tmp/health.part" -e 'd}' \
        -e "/^@REAL_IP@\$/{r $tmp/real_ip.part" -e 'd}' \
        -e "/^@ZONES@\$/{r $tmp/zones.part" -e 'd}' \
        -e "/^@SHARE@\$/{r $tmp/share.part" -e 'd}' \
        -e "/^@TRUSTED@\$/{r $tmp/trusted.part" -e 'd}' \
        -e "s|@TMP@|$tmp|g; s|@LUA@|$lua|g" \
        -e "s|@CONTROL_PLANE@|$control_plane|g; s|@VERIFY@|$verify|g; s|@TUNNEL@|$tunnel|g" \
        -e "s|@WORKERS@|$workers|g; s|@CONNECTIONS@|$connections|g; s|@FILES@|$files|g;" \
        -e "s|@ACCESS_LOG@|$log|g; s|@REDIRECT@|$redirect_flag|g; s|@HSTS@|$hsts|g" \
        -e "s|@HTTPS_SUFFIX@|$suffix|g; s|@BODY_LIMIT@|$body_limit|g" \
        "$here/nginx.conf.template"
}

# What a reload is for: another certificate, or another address behind the control plane's name.
state() {
    cat "$tls/tls.crt" "$tls/tls.key" 2>/dev/null | cksum
    for name in "${VIBECODE_EDGE_APP:-control-plane:8080}" "${VIBECODE_EDGE_VERIFY:-control-plane:8082}"; do
        getent ahosts "${name%:*}" 2>/dev/null | sort -u || true
    done
}

watch() {
    known=$1
    while :; do
        sleep "$check" &
        sleeper=$!
        wait "$sleeper"
        now=$(state)
        if [ "$now" = "$known" ]; then continue; fi
        if render >"$conf.new" && "$nginx" -q -t -c "$conf.new" -e stderr; then
            mv "$conf.new" "$conf"
            kill -HUP "$nginx_pid"
            known=$now
            echo "edge: reloaded, since the certificate or an address changed" >&2
        else
            echo "edge: what changed can't be used, so the old goes on" >&2
        fi
    done
}

if [ "${1:-}" = render ]; then
    render
    exit 0
fi

check=$(setting CHECK '[0-9]+' 60)
drain=$(setting DRAIN '[0-9]+' 10)
at_start=$(state)
render >"$conf"

# NGINX's own log has whole request lines; queries may hold tickets, so they are cut here.
rm -f "$tmp/errors"
mkfifo -m 600 "$tmp/errors"
sed -u -E 's/\?[^ "]*/?.../g' <"$tmp/errors" >&2 &

"$nginx" -c "$conf" -e stderr 2>"$tmp/errors" &
nginx_pid=$!

# Only here is there a limit: a reload leaves open WebSockets with the worker that has them.
drain() {
    kill -QUIT "$nginx_pid" 2>/dev/null || true
    (sleep "$drain"; kill -TERM "$nginx_pid" 2>/dev/null || true) &
}
trap drain TERM QUIT INT

(
    trap 'kill "$sleeper" 2>/dev/null; exit 0' TERM
    watch "$at_start"
) &
watcher=$!

# A signal ends the wait, but not yet NGINX.
while :; do
    code=0
    wait "$nginx_pid" || code=$?
    kill -0 "$nginx_pid" 2>/dev/null || break
done
kill "$watcher" 2>/dev/null || true
exit "$code"
