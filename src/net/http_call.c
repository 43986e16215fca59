// SPDX-License-Identifier: MIT
// One request: what libcurl is told about it, and what passes through on the way.
#include <string.h>

#include "base/mem.h"
#include "net/http_client_internal.h"

enum {
    TIMEOUT_MS_DEFAULT = 60 * 1000,
    CONNECT_TIMEOUT_MS_DEFAULT = 30 * 1000,
    EXPECT_MS = 1000,
    HAPPY_EYEBALLS_MS = 250,   // RFC 8305 section 8
    UPLOAD_BUFFER = 16 * 1024, // a TLS record's worth
    DOWNLOAD_BUFFER = 4 * 1024,
    // An address list is forgotten after this. A call looks its own up when it begins.
    RESOLVE_S = 600,
};

static void append(struct curl_slist **list, const char *text) {
    struct curl_slist *longer = curl_slist_append(*list, text);
    ASSERT(longer != NULL);
    *list = longer;
}

static bool is_token(const char *s) {
    if (*s == '\0')
        return false;
    for (; *s != '\0'; s++)
        if (!ascii_is_alnum(*s) && *s != '-' && *s != '_')
            return false;
    return true;
}

static bool starts_header(const char *line, struct slice name) {
    struct slice s = slice_from_cstr(line);
    return slice_starts_with_ci(s, name) && s.len > name.len && s.ptr[name.len] == ':';
}

static bool set_headers(struct http_call *call, const struct http_call_settings *s) {
    bool has_type = false;
    for (const char *const *h = s->headers; h != NULL && *h != NULL; h++) {
        const char *colon = strchr(*h, ':');
        if (colon == NULL || colon == *h || strpbrk(*h, "\r\n") != NULL)
            return false;
        has_type = has_type || starts_header(*h, SLICE("Content-Type"));
        append(&call->headers, *h);
    }
    if (!has_type)
        append(&call->headers, "Content-Type:"); // libcurl would make it a form
    append(&call->headers, s->expect_continue && s->body_len > 0 ? "Expect: 100-continue" : "Expect:");
    curl_easy_setopt(call->easy, CURLOPT_HTTPHEADER, call->headers);
    return true;
}

// Splits off what is needed of the URL. False: not one that we take.
static bool take_url(struct http_call *call, const struct http_call_settings *s) {
    CURLU *url = curl_url();
    ASSERT(url != NULL);
    char *host = NULL, *port = NULL, *user = NULL;
    uint32_t number = 0;
    bool ok = curl_url_set(url, CURLUPART_URL, s->url, CURLU_NON_SUPPORT_SCHEME) == CURLUE_OK &&
              curl_url_get(url, CURLUPART_HOST, &host, 0) == CURLUE_OK &&
              curl_url_get(url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT) == CURLUE_OK &&
              curl_url_get(url, CURLUPART_USER, &user, 0) == CURLUE_NO_USER && strlen(host) <= HTTP_HOST_MAX &&
              slice_to_u32(slice_from_cstr(port), &number) && number > 0 && number <= UINT16_MAX;
    if (ok) {
        memcpy(call->host, host, strlen(host) + 1);
        call->port = (uint16_t)number;
        struct net_address literal;
        call->is_literal = host[0] == '[' || net_address_parse(slice_from_cstr(host), &literal);
        curl_easy_setopt(call->easy, CURLOPT_URL, s->url);
    }
    curl_free(host);
    curl_free(port);
    curl_free(user);
    curl_url_cleanup(url);
    return ok;
}

// "+host:port:address,...": the plus lets it be forgotten some time.
static bool set_addresses(struct http_call *call, const struct http_call_settings *s) {
    if (call->is_literal)
        return true;
    if (s->n_addresses == 0)
        return false;
    struct buf text;
    buf_init(&text, HTTP_HOST_MAX + 16 + HTTP_CLIENT_ADDRESSES_MAX * (NET_ADDRESS_TEXT_MAX + 3));
    ASSERT(buf_printf(&text, "+%s:%u:", call->host, (unsigned)call->port));
    for (size_t i = 0; i < s->n_addresses && i < HTTP_CLIENT_ADDRESSES_MAX; i++) {
        char address[NET_ADDRESS_TEXT_MAX];
        net_address_write(&s->addresses[i], address);
        bool ipv4 = net_address_is_ipv4(&s->addresses[i]);
        ASSERT(buf_printf(&text, ipv4 ? "%s%s" : "%s[%s]", i > 0 ? "," : "", address));
    }
    ASSERT(buf_append(&text, "", 1));
    append(&call->resolve, buf_slice(&text).ptr);
    buf_done(&text);
    curl_easy_setopt(call->easy, CURLOPT_RESOLVE, call->resolve);
    curl_easy_setopt(call->easy, CURLOPT_DNS_CACHE_TIMEOUT, (long)RESOLVE_S);
    return true;
}

// libcurl is about to ask a resolver: only an address in text form may go there, for that asks nobody.
static int on_resolve(void *resolver, void *reserved, void *arg) {
    const struct http_call *call = arg;
    return call->is_literal ? 0 : 1;
}

static size_t on_upload(char *ptr, size_t size, size_t n, void *arg) {
    struct http_call *call = arg;
    uint64_t left = call->body_len - call->body_sent;
    size_t max = size * n, len = 0;
    if (call->cancelled)
        return CURL_READFUNC_ABORT;
    if (left == 0)
        return 0;
    call->resume_due = false;
    enum http_body result = call->on_body(call->arg, ptr, left < max ? (size_t)left : max, &len);
    if (call->cancelled)
        return CURL_READFUNC_ABORT;
    switch (result) {
    case HTTP_BODY_MORE:
        ASSERT(len > 0 && len <= max && len <= left);
        call->body_sent += len;
        return len;
    case HTTP_BODY_WAIT:
        call->waiting = true;
        return CURL_READFUNC_PAUSE;
    default:
        call->body_failed = true;
        return CURL_READFUNC_ABORT;
    }
}

static int on_seek(void *arg, curl_off_t offset, int origin) {
    struct http_call *call = arg;
    if (call->body_sent == 0 && offset == 0)
        return CURL_SEEKFUNC_OK;
    if (origin != SEEK_SET || offset != 0 || call->cancelled || call->on_rewind == NULL ||
        !call->on_rewind(call->arg)) {
        call->body_failed = true;
        return CURL_SEEKFUNC_FAIL;
    }
    call->body_sent = 0;
    return CURL_SEEKFUNC_OK;
}

static size_t on_answer(char *ptr, size_t size, size_t n, void *arg) {
    struct http_call *call = arg;
    size_t len = size * n;
    if (buf_append(&call->answer, ptr, len))
        return len;
    call->too_large = true;
    return 0;
}

static size_t on_header(char *ptr, size_t size, size_t n, void *arg) {
    struct http_call *call = arg;
    size_t len = size * n;
    call->header_len += len;
    if (slice_starts_with(slice_make(ptr, len), SLICE("HTTP/"))) // perhaps another one, behind an interim answer
        call->has_header = false;
    else if (len <= 2 && len > 0 && ptr[len - 1] == '\n')
        call->has_header = true;
    if (call->header_len <= HTTP_CLIENT_HEADER_MAX)
        return len;
    call->too_large = true;
    return 0;
}

static CURLcode on_tls(CURL *easy, void *ssl_ctx, void *arg) {
    const struct http_call *call = arg;
    struct slice host = slice_from_cstr(call->host);
    if (host.ptr[0] == '[')
        host = slice_sub(host, 1, host.len - 1);
    const struct tls_client how = {
        .context = call->client->s.tls,
        .check = call->check,
        .host = host,
        .port = call->port,
    };
    tls_client_adopt(ssl_ctx, &how);
    return CURLE_OK;
}

static void set_tls(struct http_call *call) {
    CURL *easy = call->easy;
    bool prove = call->check == TLS_CHECK_PKIX;
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, prove ? 1L : 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, prove ? 2L : 0L);
    curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    // Roots and sessions are those of net/tls_client, not Debian's whole bundle for each connection.
    curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
    curl_easy_setopt(easy, CURLOPT_CAPATH, NULL);
    curl_easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
    curl_easy_setopt(easy, CURLOPT_SSL_CTX_FUNCTION, on_tls);
    curl_easy_setopt(easy, CURLOPT_SSL_CTX_DATA, call);
}

static void set_method(struct http_call *call, const struct http_call_settings *s) {
    CURL *easy = call->easy;
    if (strcmp(s->method, "HEAD") == 0)
        curl_easy_setopt(easy, CURLOPT_NOBODY, 1L);
    if (s->body_len > 0 || strcmp(s->method, "POST") == 0) {
        ASSERT(s->body_len == 0 || s->on_body != NULL);
        curl_easy_setopt(easy, CURLOPT_POST, 1L);
        curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)s->body_len);
        curl_easy_setopt(easy, CURLOPT_READFUNCTION, on_upload);
        curl_easy_setopt(easy, CURLOPT_READDATA, call);
        curl_easy_setopt(easy, CURLOPT_SEEKFUNCTION, on_seek);
        curl_easy_setopt(easy, CURLOPT_SEEKDATA, call);
    }
    curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, s->method);
}

static void set_transfer(struct http_call *call, const struct http_call_settings *s) {
    CURL *easy = call->easy;
    uint32_t timeout = s->timeout_ms > 0 ? s->timeout_ms : TIMEOUT_MS_DEFAULT;
    uint32_t connect = s->connect_timeout_ms > 0 ? s->connect_timeout_ms : CONNECT_TIMEOUT_MS_DEFAULT;
    curl_easy_setopt(easy, CURLOPT_TIMEOUT_MS, (long)timeout);
    curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)connect);
    curl_easy_setopt(easy, CURLOPT_EXPECT_100_TIMEOUT_MS, (long)EXPECT_MS);
    curl_easy_setopt(easy, CURLOPT_HAPPY_EYEBALLS_TIMEOUT_MS, (long)HAPPY_EYEBALLS_MS);
    curl_easy_setopt(easy, CURLOPT_UPLOAD_BUFFERSIZE, (long)UPLOAD_BUFFER);
    curl_easy_setopt(easy, CURLOPT_BUFFERSIZE, (long)DOWNLOAD_BUFFER);
    curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_answer);
    curl_easy_setopt(easy, CURLOPT_WRITEDATA, call);
    curl_easy_setopt(easy, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(easy, CURLOPT_HEADERDATA, call);
    bool http2 = s->version == HTTP_VERSION_2;
    curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)(http2 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1));
    curl_easy_setopt(easy, CURLOPT_PIPEWAIT, http2 ? 1L : 0L); // rather share a connection that is being made
}

static void set_limits_of_trust(struct http_call *call, const struct http_call_settings *s) {
    CURL *easy = call->easy;
    curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, s->allow_clear ? "https,http" : "https");
    curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(easy, CURLOPT_PROXY, ""); // also none from the environment
    curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(easy, CURLOPT_RESOLVER_START_FUNCTION, on_resolve);
    curl_easy_setopt(easy, CURLOPT_RESOLVER_START_DATA, call);
}

static bool set_all(struct http_call *call, const struct http_call_settings *s) {
    set_limits_of_trust(call, s);
    set_tls(call);
    set_transfer(call, s);
    http_client_set_sockets(call->client, call->easy);
    if (!is_token(s->method) || s->check == TLS_CHECK_DANE || !take_url(call, s) || !set_addresses(call, s) ||
        !set_headers(call, s))
        return false;
    set_method(call, s);
    return true;
}

static void on_refusal(struct loop_timer *timer) {
    http_call_finish(CONTAINER_OF(timer, struct http_call, refusal), CURLE_URL_MALFORMAT);
}

struct http_call *http_call_start(struct http_client *client, const struct http_call_settings *s) {
    ASSERT(s->on_done != NULL && client->inside == 0);
    struct http_call *call = MEM_NEW(struct http_call);
    *call = (struct http_call){
        .client = client,
        .easy = curl_easy_init(),
        .body_len = s->body_len,
        .on_body = s->on_body,
        .on_rewind = s->on_rewind,
        .on_done = s->on_done,
        .arg = s->arg,
        .check = s->check,
    };
    ASSERT(call->easy != NULL);
    curl_easy_setopt(call->easy, CURLOPT_PRIVATE, call);
    buf_init(&call->answer, s->max_answer);
    loop_timer_init(&call->refusal, client->loop, on_refusal);
    list_append(&client->calls, &call->link);
    if (set_all(call, s))
        http_client_add(client, call);
    else
        loop_timer_start(&call->refusal, 0);
    return call;
}

void http_call_free(struct http_call *call) {
    http_client_remove(call->client, call);
    curl_easy_cleanup(call->easy);
    curl_slist_free_all(call->headers);
    curl_slist_free_all(call->resolve);
    loop_timer_done(&call->refusal);
    buf_done(&call->answer);
    free(call);
}

static void describe(const struct http_call *call, CURLcode code, struct http_answer *ret) {
    long status = 0, connects = 0;
    curl_off_t retry_after = 0;
    char *type = NULL;
    (void)curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &status);
    (void)curl_easy_getinfo(call->easy, CURLINFO_NUM_CONNECTS, &connects);
    (void)curl_easy_getinfo(call->easy, CURLINFO_RETRY_AFTER, &retry_after);
    (void)curl_easy_getinfo(call->easy, CURLINFO_CONTENT_TYPE, &type);
    http_failure_describe(call, code, ret);
    ret->reused = connects == 0;
    if (ret->outcome != HTTP_ANSWERED && ret->outcome != HTTP_FAILED_TOO_LARGE)
        return;
    ret->status = (unsigned)status;
    ret->content_type = type != NULL ? slice_from_cstr(type) : SLICE_EMPTY;
    ret->retry_after_s = retry_after > 0 && retry_after < UINT32_MAX ? (uint32_t)retry_after : 0;
    if (ret->outcome == HTTP_ANSWERED)
        ret->body = buf_slice(&call->answer);
}

void http_call_finish(struct http_call *call, CURLcode code) {
    struct http_answer answer = {.body = SLICE_EMPTY, .content_type = SLICE_EMPTY};
    describe(call, code, &answer);
    // Out of libcurl's hands first: the owner may start anew and gets this connection.
    struct http_client *client = call->client;
    http_client_remove(client, call);
    if (!call->cancelled)
        call->on_done(call->arg, &answer);
    http_call_free(call);
}

void http_call_unpause(struct http_call *call) {
    call->resume_due = false;
    if (!call->waiting)
        return;
    call->waiting = false;
    http_client_enter(call->client);
    (void)curl_easy_pause(call->easy, CURLPAUSE_CONT); // a failure comes out as the end of the call
    http_client_leave(call->client);
}

void http_call_resume(struct http_call *call) {
    if (call->client->inside > 0) {
        call->resume_due = true;
        call->client->errands = true;
    } else {
        http_call_unpause(call);
    }
}

void http_call_cancel(struct http_call *call) {
    if (call == NULL)
        return;
    call->cancelled = true;
    if (call->client->inside > 0)
        call->client->errands = true;
    else
        http_call_free(call);
}
