-- What NGINX's own directives can't say: the rules of src/vibecode/proxy, for requests that NGINX passes on.
--
-- Who may pass is decided by the control plane alone (/auth/verify). Here a request is made clean before it is asked
-- about, the answer is carried out, and what a workspace sends back is kept from reaching beyond it. The conformance
-- suite holds this and the embedded edge to the same behaviour.

local balancer = require "ngx.balancer"

local M = {}

local MOST_HEADERS = 200
local MOST_KEY = 4096 -- bytes of a request that may be remembered: a longer one is asked about each time
local INTERNAL = "/.vibecode/"

-- Of one worker, how many requests to the control plane at a time may have a body that doesn't fit in the buffer
-- (client_body_buffer_size): those are on the disk, whose room is workers x this x the limit of a body, far less than /tmp
-- has. All else that comes from people is smaller, so that who sends many such bodies slowly is in nobody's way.
local MOST_LARGE_BODIES = 32
local SMALL_BODY = 16384
local large_bodies = 0

local KNOWN_FOR = 600 -- seconds for which a session that was let in is counted as a client of its own
local SIGN_IN_BURST, SIGN_IN_SECONDS = 10, 1 -- tries of one address at once, and seconds until the next

-- Decisions that may be repeated, each worker its own: in two halves, of which the older is dropped as a whole.
local MOST_DECISIONS = 5000
local young, old, count, turned = {}, {}, 0, 0

-- What a client may not say, whoever it is for. Names with underscores never get this far.
local OURS_TO_SAY = { ["forwarded"] = true, ["x-real-ip"] = true }

-- Connection can't name away what frames a message, routes it, or shows where it comes from.
local NOT_OF_CONNECTION = {
  ["accept"] = true, ["connection"] = true, ["content-length"] = true, ["cookie"] = true, ["host"] = true,
  ["origin"] = true, ["referer"] = true, ["sec-fetch-dest"] = true, ["sec-fetch-mode"] = true,
  ["sec-fetch-site"] = true, ["service-worker"] = true, ["transfer-encoding"] = true, ["upgrade"] = true,
}

local OUR_COOKIES = {
  ["__Host-vibecode"] = true, ["vibecode"] = true, ["__Host-vibecode-state"] = true, ["vibecode-state"] = true,
}

local TITLES = {
  [400] = "Bad Request", [408] = "Request Timeout", [413] = "Content Too Large", [429] = "Too Many Requests",
  [431] = "Request Header Fields Too Large", [500] = "Internal Server Error", [502] = "Bad Gateway",
  [503] = "Service Unavailable", [504] = "Gateway Timeout",
}

-- Shown to a person while the control plane can't be asked; it looks again by itself.
local WAITING_PAGE = [[
<!doctype html><html lang="en"><meta charset="utf-8"><meta http-equiv="refresh" content="5">
<meta name="viewport" content="width=device-width"><title>One moment</title>
<style>body{font:16px/1.5 system-ui,sans-serif;max-width:32rem;margin:20vh auto;padding:0 1rem}
@media(prefers-color-scheme:dark){body{background:#111;color:#eee}}</style>
<h1>One moment</h1><p>The control plane doesn't answer right now: it may be starting anew. Workspaces go on meanwhile.
This page looks again every 5 seconds.</p></html>
]]

local function escaped(text)
  return (text:gsub('[%c"\\]', function(c) return ("\\u%04x"):format(c:byte()) end))
end

local function send(status, document, retry_after)
  ngx.status = status
  local header = ngx.header
  header["Content-Type"] = "application/problem+json"
  header["Content-Length"] = #document
  header["Cache-Control"] = "no-store"
  header["X-Content-Type-Options"] = "nosniff"
  header["Retry-After"] = retry_after
  ngx.print(document)
  return ngx.exit(ngx.HTTP_OK)
end

-- Refuse in the phases before an answer.
local function refuse(status, document, retry_after)
  if status == 400 or status == 501 then
    -- By an error page, since then the connection ends: the next bytes may be meant in another way, too.
    ngx.var.edge_problem = document
    return ngx.exit(status)
  end
  return send(status, document, retry_after)
end

local function problem(status, code, detail, retry_after)
  local document = ('{"type": "about:blank", "title": "%s", "status": %d, "detail": "%s", "code": "%s"}'):format(
    TITLES[status], status, escaped(detail), code)
  return refuse(status, document, retry_after)
end

local function starts(text, prefix)
  return text:sub(1, #prefix) == prefix
end

-- Return the members of Connection, or nil where it says no more than every browser does.
local function connection_tokens(value)
  if value == nil or value == "keep-alive" or value == "Keep-Alive" or value == "close" then
    return nil
  end
  if type(value) == "table" then
    value = table.concat(value, ",")
  end
  local tokens = {}
  for token in value:lower():gmatch("[^,%s]+") do
    tokens[token] = true
  end
  return tokens
end

-- Tell whether the target is a path, or a full URL of the very host that the Host header names.
local function has_one_host(var, host)
  local line, start = var.request, #var.request_method + 2
  if line:byte(start) == 47 then -- "/"
    return true
  end
  local target = line:sub(start)
  local authority = target:match("^[hH][tT][tT][pP][sS]?://([^/?%s]+)/") or target:match("^[hH][tT][tT][pP][sS]?://([^/?%s]+)%s")
  return authority ~= nil and authority:lower() == host:lower()
end

local function wants_websocket(var, headers, tokens)
  local upgrade = headers["upgrade"]
  return type(upgrade) == "string" and upgrade:lower() == "websocket" and tokens ~= nil and tokens["upgrade"] == true
    and var.request_method == "GET" and ngx.req.http_version() == 1.1
    and headers["transfer-encoding"] == nil and (headers["content-length"] or "0") == "0"
end

-- Return all that a decision about a plain read depends on; nil where it has to be asked anew.
local function key_of(var, method, headers, tokens)
  if (method ~= "GET" and method ~= "HEAD") or tokens ~= nil or headers["service-worker"] ~= nil
    or headers["sec-fetch-dest"] == "serviceworker" or starts(var.request_uri, INTERNAL) then
    return nil
  end
  local cookie, origin, referer = headers["cookie"] or "", headers["origin"] or "", headers["referer"] or ""
  local mode, site = headers["sec-fetch-mode"] or "", headers["sec-fetch-site"] or ""
  local dest, accept = headers["sec-fetch-dest"] or "", headers["accept"] or ""
  -- What came twice is a table.
  if type(cookie) ~= "string" or type(origin) ~= "string" or type(referer) ~= "string" or type(mode) ~= "string"
    or type(site) ~= "string" or type(dest) ~= "string" or type(accept) ~= "string" then
    return nil
  end
  local key = method .. "\n" .. var.edge_proto .. "\n" .. headers["host"] .. "\n" .. cookie .. "\n" .. origin .. "\n"
    .. referer .. "\n" .. mode .. "\n" .. site .. "\n" .. dest .. "\n" .. accept
  return #key <= MOST_KEY and key or nil
end

-- Return the secret of the session that a request comes with; nil if it has none or several, since only one of those
-- would be the one that is let in.
local function secret_of(cookie)
  if type(cookie) ~= "string" or not cookie:find("vibecode=", 1, true) then
    return nil
  end
  local found
  for name, secret in (";" .. cookie):gmatch("[;%s]([^;=%s]+)=([^;%s]+)") do
    if name == "__Host-vibecode" or name == "vibecode" then
      if found then
        return nil
      end
      found = secret
    end
  end
  return found
end

-- Return an address, of which IPv6 gives each network of a customer a whole lot.
local function address_of(var)
  local address = var.binary_remote_addr
  return #address == 16 and address:sub(1, 8) or address
end

-- Tell whether an address may try to sign in now. Each try moves the moment at which its tries are used up.
local function may_sign_in(var)
  local tries, address, now = ngx.shared.sign_ins, address_of(var), ngx.now()
  local used_up = math.max(tries:get(address) or 0, now) + SIGN_IN_SECONDS
  if used_up - now > SIGN_IN_BURST * SIGN_IN_SECONDS then
    return false
  end
  tries:set(address, used_up, SIGN_IN_BURST * SIGN_IN_SECONDS)
  return true
end

local function remember(var, key)
  local now = ngx.now()
  local seconds = tonumber(var.edge_cache)
  if now - turned > seconds or count >= MOST_DECISIONS then
    young, old, count, turned = {}, young, 0, now
  end
  count = count + 1
  young[key] = {
    ends = now + seconds, upstream = var.edge_upstream, workspace = var.edge_workspace, name = var.edge_name,
    preview = var.edge_preview, cookie = var.edge_cookie,
  }
end

local function recall(var, key)
  local known = young[key] or old[key]
  if known == nil or known.ends < ngx.now() then
    return false
  end
  var.edge_upstream = known.upstream
  var.edge_workspace = known.workspace
  var.edge_name = known.name
  var.edge_preview = known.preview
  var.edge_cookie = known.cookie
  return true
end

local function to_workspace(var, method, headers)
  -- An unused connection may have gone stale, and only what can be sent again is trusted to one. One to a port inside
  -- leads to that port for good, while all ports of a workspace have one address: none is used again.
  local body = headers["transfer-encoding"] ~= nil or (headers["content-length"] or "0") ~= "0"
  local again = (method == "GET" or method == "HEAD" or method == "OPTIONS") and not body and var.edge_preview ~= "1"
  var.edge_group = again and "workspace" or "workspace_once"
  return ngx.exec("@workspace")
end

-- Before anybody is asked: refuse what can be read in two ways, and take out what isn't a client's to say.
function M.begin()
  local var = ngx.var
  local headers, cut = ngx.req.get_headers(MOST_HEADERS)
  if cut then
    return problem(431, "head_too_large", "The request has more than " .. MOST_HEADERS .. " headers.")
  end
  local host = headers["host"]
  if type(host) ~= "string" or host == "" then
    return problem(400, "no_host", "The request has no Host header.")
  end
  if not has_one_host(var, host) then
    return problem(400, "two_hosts", "The request's target is not a path of the host that its Host header names.")
  end
  if var.request_uri:byte() ~= 47 or var.request_uri:find("[\128-\255]") then
    return problem(400, "bad_target", "The request's target is not a path.")
  end
  var.edge_proto = var.edge_scheme -- from X-Forwarded-Proto of a proxy that is trusted, so before that is taken out
  -- A stranger can't choose to be counted as somebody else: only a secret that was let in is known.
  local secret = secret_of(headers["cookie"])
  ngx.ctx.secret = secret
  var.edge_client = secret and ngx.shared.sessions:get(secret) or address_of(var)
  local tokens = connection_tokens(headers["connection"])
  local websocket = headers["upgrade"] ~= nil and wants_websocket(var, headers, tokens)
  for name in pairs(headers) do
    -- By bytes first, which makes no strings: "x-".
    local first, second = name:byte(1, 2)
    if (first == 120 and second == 45 and (starts(name, "x-forwarded-") or starts(name, "x-vibecode-"))) or OURS_TO_SAY[name]
      or (tokens ~= nil and tokens[name] and not NOT_OF_CONNECTION[name] and not (websocket and starts(name, "sec-websocket-"))) then
      ngx.req.clear_header(name)
    end
  end
  if websocket then
    var.edge_upgrade = "websocket"
    return
  end
  local method = var.request_method
  local key = key_of(var, method, headers, tokens)
  if key and recall(var, key) then
    return to_workspace(var, method, headers)
  end
  ngx.ctx.key = key
end

-- After the control plane was asked: carry its answer out.
function M.decided()
  local var = ngx.var
  if var.edge_status ~= "" then
    return refuse(tonumber(var.edge_status), var.edge_problem, var.edge_retry_after ~= "" and var.edge_retry_after or nil)
  end
  local upstream = var.edge_upstream
  local headers = ngx.req.get_headers(MOST_HEADERS)
  if upstream == "control-plane" then
    return M.to_control_plane(var, headers)
  end
  if upstream == "" then
    return ngx.exit(500)
  end
  if ngx.ctx.secret and var.edge_session ~= "" then
    ngx.shared.sessions:set(ngx.ctx.secret, "session " .. var.edge_session, KNOWN_FOR)
  end
  if var.edge_upgrade ~= "" then
    return ngx.exec("@tunnel")
  end
  if ngx.ctx.key and var.edge_cache ~= "" then
    remember(var, ngx.ctx.key)
  end
  return to_workspace(var, var.request_method, headers)
end

function M.to_control_plane(var, headers)
  local length = tonumber(headers["content-length"] or "0")
  if length == nil or length > tonumber(var.edge_body_limit) then
    return problem(413, "body_too_large", "That is more than a request here may bring.")
  end
  if var.request_method == "POST" and var.uri:find("^/api/v1/session/?$") and not may_sign_in(var) then
    return problem(429, "too_many_requests", "Too many tries to sign in. Wait a moment, then try again.", 5)
  end
  if length > SMALL_BODY or headers["transfer-encoding"] ~= nil then
    if large_bodies >= MOST_LARGE_BODIES then
      return problem(503, "too_many_bodies", "Too many large requests are on their way. Try again shortly.", 5)
    end
    large_bodies = large_bodies + 1
    var.edge_large_body = "1"
  end
  local again = var.request_method == "GET" or var.request_method == "HEAD"
  var.edge_group = again and "control_plane" or "control_plane_once"
  return ngx.exec("@control_plane")
end

-- After a request to the control plane, however it ended.
function M.ended()
  if ngx.var.edge_large_body == "1" then
    large_bodies = large_bodies - 1
  end
end

-- Return an upstream's address as NGINX takes it. Those of late are kept: there are few, and taking one apart costs.
local peers, peer_count = {}, 0

local function peer_of(upstream)
  local peer = peers[upstream]
  if peer == nil then
    local path = upstream:match("^(unix:.+):$")
    local host, port = upstream:match("^(.+):(%d+)$")
    peer = path and { path, 0 } or { host, tonumber(port) }
    if peer_count >= MOST_DECISIONS then
      peers, peer_count = {}, 0
    end
    peers[upstream], peer_count = peer, peer_count + 1
  end
  return peer[1], peer[2]
end

-- Connect to the workspace that was decided on. Its address comes from the control plane alone.
function M.balance()
  local upstream = ngx.var.edge_upstream
  local set, failure = balancer.set_current_peer(peer_of(upstream))
  if not set then
    ngx.log(ngx.ERR, "no upstream: ", failure)
    return ngx.exit(502)
  end
end

-- As may_set() in src/vibecode/domain/cookies.py.
local function may_set(cookie, host)
  local first = cookie:match("^[^;]*")
  local name = first:gsub("^[ \t=]+", ""):match("^[^=]*"):gsub("[ \t]+$", "")
  if OUR_COOKIES[name] then
    return false
  end
  local own = host:gsub(":[^:%]]*$", ""):lower()
  for attribute in cookie:sub(#first + 2):gmatch("[^;]+") do
    local key, value = attribute:match("^[ \t]*(.-)[ \t]*=[ \t]*(.-)[ \t]*$")
    if key and key:lower() == "domain" then
      local domain = value:gsub("^%.", ""):lower()
      if domain ~= "" and domain ~= own then
        return false
      end
    end
  end
  return true
end

-- Before a workspace's answer goes out: nothing in it reaches beyond the workspace.
function M.answered()
  local var = ngx.var
  if ngx.req.http_version() == 0.9 then
    -- What began with no status line: NGINX would pass it on raw, and a browser might find a head in it. It can't send
    -- an error either any more.
    return ngx.exit(ngx.ERROR)
  end
  local status = ngx.status
  if status < 200 and not (status == 101 and var.edge_upgrade ~= "") then
    -- NGINX takes an interim response for the final one, and would send what follows as its body.
    return ngx.exit(502)
  end
  local header = ngx.header
  local cookies = header["Set-Cookie"]
  if cookies ~= nil then
    if type(cookies) ~= "table" then
      cookies = { cookies }
    end
    local kept = {}
    for _, cookie in ipairs(cookies) do
      if may_set(cookie, var.http_host) then
        kept[#kept + 1] = cookie
      end
    end
    header["Set-Cookie"] = kept[1] and kept or nil
  end
  local named = connection_tokens(var.upstream_http_connection)
  if named then
    for name in pairs(named) do
      if not NOT_OF_CONNECTION[name] and name ~= "close" and name ~= "keep-alive" then
        header[name] = nil
      end
    end
  end
end

-- Where a workspace could not be reached, or broke off before its answer.
function M.failed()
  local var = ngx.var
  local name = var.edge_name
  local port = name:match("^The program on port (%d+) of workspace ")
  local last = (var.upstream_connect_time or "-"):match("[^ ,:]+$")
  if last ~= "-" then
    if ngx.status == 504 then
      return problem(504, "upstream_timeout", name .. " did not answer in time.", 5)
    end
    return problem(502, "bad_upstream", name .. " closed the connection without an answer, or it was not HTTP/1.1.")
  end
  if port and var.edge_page == "1" then
    return M.to_control_plane(var, ngx.req.get_headers(MOST_HEADERS))
  end
  if ngx.status == 504 then
    return problem(504, "upstream_timeout", name .. " did not answer in time.", 5)
  end
  if port then
    return problem(502, "port_closed", "Nothing listens on port " .. port .. " in workspace " .. name:match("%S+$")
      .. ". Start your program there and reload.")
  end
  return problem(503, "upstream_unavailable", name .. " does not answer right now.", 5)
end

-- What NGINX itself has to say.
function M.problem()
  local var = ngx.var
  local status = ngx.status
  if status == 400 or status == 501 then
    return send(status, var.edge_problem)
  elseif status == 408 then
    return problem(408, "slow_body", "The request's body took too long.")
  elseif status == 413 then
    return problem(413, "body_too_large", "That is more than a request here may bring.")
  elseif status == 429 then
    if var.limit_conn_status == "REJECTED" then
      return problem(429, "too_many_connections",
        "Too many of your requests are open at once. Close some tabs, then try again.", 5)
    end
    return problem(429, "too_many_requests", "That are more requests than one client may send. Try again shortly.", 5)
  elseif status == 431 then
    return problem(431, "head_too_large", "The request's headers are larger than 64 KiB.")
  end
  local headers = ngx.req.get_headers(MOST_HEADERS)
  local accept = headers["accept"]
  local mode = headers["sec-fetch-mode"]
  if mode == "navigate" or (mode == nil and type(accept) == "string" and accept:find("text/html", 1, true)) then
    ngx.status = 503
    ngx.header["Content-Type"] = "text/html; charset=utf-8"
    ngx.header["Cache-Control"] = "no-store"
    ngx.header["Retry-After"] = 5
    ngx.header["X-Content-Type-Options"] = "nosniff"
    ngx.header["Content-Security-Policy"] = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
    ngx.print(WAITING_PAGE)
    return ngx.exit(ngx.HTTP_OK)
  end
  return problem(503, "control_plane_unavailable", "The control plane does not answer right now.", 5)
end

return M
