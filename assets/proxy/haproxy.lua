-- Asks keydesk whether a request has a valid key, for haproxy.cfg. HAProxy 2.6 or later, without further packages.

-- How long to wait for a response, in milliseconds. HAProxy asks up to four times before the request is rejected.
local TIMEOUT = 1500

-- What keydesk gets of the request: all lines of these headers, since a request with two credentials is rejected.
local FORWARDED = { "authorization", "x-api-key", "traceparent" }

-- Headers of the response, for the API and for a rejected client.
local RECEIVED = {
    key_id = "x-keydesk-key-id",
    key_name = "x-keydesk-key-name",
    application = "x-keydesk-application",
    platform = "x-keydesk-platform",
    type = "x-keydesk-type",
    expires = "x-keydesk-expires",
    challenge = "www-authenticate",
}

-- http-request lua.keydesk URL sets txn.keydesk_status, and for each header that was received txn.keydesk_...
local function keydesk(txn, url)
    -- Stays where anything below fails.
    txn:set_var("txn.keydesk_status", 503)
    local sent = txn.http:req_get_headers()
    local headers = { ["x-forwarded-for"] = { txn.f:src() } }
    for _, name in ipairs(FORWARDED) do
        local lines = sent[name]
        if lines then
            headers[name] = {}
            for place = 0, #lines do
                table.insert(headers[name], lines[place])
            end
        end
    end
    local response = core.httpclient():get{ url = url, headers = headers, timeout = TIMEOUT }
    if response.status ~= 204 and response.status ~= 401 then
        return
    end
    for variable, name in pairs(RECEIVED) do
        local lines = response.headers[name]
        if lines then
            txn:set_var("txn.keydesk_" .. variable, lines[0])
        end
    end
    txn:set_var("txn.keydesk_status", response.status)
end

core.register_action("keydesk", { "http-req" }, keydesk, 1)
