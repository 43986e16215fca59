// SPDX-License-Identifier: MIT
// A channel keeps no connection of its own: the HTTP client does, by host. One letter is one POST, or several, one
// after another, when it has many recipients; each recipient is settled by the POST that names it.
#include "queue/mxdeliv.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "config/config.h"
#include "net/http_client.h"
#include "queue/mxdeliv_body.h"

enum {
    TIMEOUT_MS = 60 * 1000,
    CONNECT_MS = 15 * 1000, // a host behind a wall on port 443 is still to be tried by SMTP
    RECIPIENTS_MAX = 80,    // of one POST; peers take about a hundred fields
    FIELDS_OCTETS_MAX = 12 * 1024,
    ANSWER_MAX = 4 * 1024,
    CODES_SIZE = 16,
    EXPECT_FROM = 256 * 1024, // peers are known that refuse what is over a megabyte
    HTTPS_PORT = 443,
    URL_SIZE = 320,
};

struct mxdeliv_client {
    struct mxdeliv_client_settings s;
    struct transport transport;
    size_t n_channels;
};

struct transport_channel {
    struct mxdeliv_client *client;
    const struct transport_host *host;
    struct transport_letter *letter; // under way; NULL
    struct mxdeliv_body body;
    struct http_call *call;
    size_t settled, n_named; // recipients that were taken; those of the POST under way
    bool was_asked;          // for the body: there is a connection
    void (*done)(void *arg, const struct transport_end *end);
    void *done_arg;
};

static void post(struct transport_channel *ch);

// ---- the end ----

static void finish(struct transport_channel *ch, const struct transport_end *end) {
    void (*done)(void *arg, const struct transport_end *end) = ch->done;
    mxdeliv_body_stop(&ch->body);
    ch->letter = NULL;
    done(ch->done_arg, end);
}

// What was taken stays taken: then the others are told to wait, rather than everything sent twice.
static void break_off(struct transport_channel *ch, const struct transport_end *end) {
    struct transport_end result = *end;
    if (ch->settled > 0) {
        result.result = TRANSPORT_ANSWERED;
        for (size_t i = ch->settled; i < ch->letter->n_recipients; i++)
            ch->letter->replies[i] = end->why;
    }
    finish(ch, &result);
}

static void take_answer(struct transport_channel *ch) {
    for (size_t i = 0; i < ch->n_named; i++)
        ch->letter->replies[ch->settled++] = (struct transport_reply){.code = 250, .text = "250 OK (HTTPS)"};
    if (ch->settled < ch->letter->n_recipients) {
        mxdeliv_body_rewind(&ch->body);
        post(ch);
        return;
    }
    finish(ch, &(struct transport_end){.result = TRANSPORT_ANSWERED, .connected = true});
}

static bool is_digits_and_dots(struct slice s) {
    for (size_t i = 0; i < s.len; i++)
        if (!ascii_is_digit(s.ptr[i]) && s.ptr[i] != '.')
            return false;
    return s.len > 0;
}

// Of the SMTP reply that the peer gives as its reason only the codes, " 554 5.7.1": the words may name people.
static void show_codes(struct slice body, char ret[CODES_SIZE]) {
    struct slice rest = slice_sub(body, 0, CODES_SIZE - 3);
    struct slice code = slice_next_word(&rest), enhanced = slice_next_word(&rest);
    ret[0] = '\0';
    if (code.len != 3 || !is_digits_and_dots(code))
        return;
    bool both = is_digits_and_dots(enhanced);
    (void)snprintf(ret, CODES_SIZE, both ? " %.*s %.*s" : " %.*s", SLICE_FMT(code), SLICE_FMT(enhanced));
}

static void explain(const struct transport_channel *ch, const struct http_answer *a, struct transport_end *ret) {
    static const struct {
        uint16_t code;
        const char *words;
    } kinds[] = {
        [HTTP_ANSWERED] = {451, "HTTP error"},       [HTTP_FAILED_CONNECT] = {450, "Connection failed"},
        [HTTP_FAILED_TLS] = {451, "TLS error"},      [HTTP_FAILED_TIMEOUT] = {451, "I/O error"},
        [HTTP_FAILED_PROTOCOL] = {451, "I/O error"}, [HTTP_FAILED_TOO_LARGE] = {451, "HTTP error"},
        [HTTP_FAILED_BODY] = {451, "Local error"},   [HTTP_FAILED_REQUEST] = {451, "Local error"},
    };
    bool connects = a->outcome == HTTP_FAILED_CONNECT || (a->outcome == HTTP_FAILED_TIMEOUT && !ch->was_asked);
    char codes[CODES_SIZE];
    show_codes(a->body, codes);
    *ret = (struct transport_end){.result = TRANSPORT_BROKEN, .connected = !connects};
    ret->why.code = connects ? 450 : kinds[a->outcome].code;
    const char *words = connects ? "Connection failed" : kinds[a->outcome].words;
    if (a->outcome == HTTP_ANSWERED)
        (void)snprintf(ret->why.text, sizeof(ret->why.text), "%u %s: %u%s", ret->why.code, words, a->status, codes);
    else
        (void)snprintf(ret->why.text, sizeof(ret->why.text), "%u %s: %s", ret->why.code, words, a->why);
}

static void on_answer(void *arg, const struct http_answer *a) {
    struct transport_channel *ch = arg;
    ch->call = NULL;
    if (a->status / 100 == 2) { // also when it goes on to say more than we want to know
        take_answer(ch);
        return;
    }
    struct transport_end end;
    explain(ch, a, &end);
    break_off(ch, &end);
}

// ---- the request ----

static enum http_body on_body(void *arg, char *ptr, size_t max, size_t *ret_len) {
    struct transport_channel *ch = arg;
    ch->was_asked = true;
    return mxdeliv_body_next(&ch->body, ptr, max, ret_len);
}

static bool on_rewind(void *arg) {
    struct transport_channel *ch = arg;
    mxdeliv_body_rewind(&ch->body);
    return true;
}

static void on_more(void *arg) {
    struct transport_channel *ch = arg;
    if (ch->call != NULL)
        http_call_resume(ch->call);
}

// No address that the store has taken can end a field.
static char *field(const char *name, struct slice value) {
    for (size_t i = 0; i < value.len; i++)
        ASSERT((unsigned char)value.ptr[i] >= ' ' && value.ptr[i] != 0x7f);
    size_t name_len = strlen(name);
    char *text = mem_alloc(name_len + value.len + 1);
    memcpy(text, name, name_len);
    memcpy(text + name_len, value.ptr, value.len);
    text[name_len + value.len] = '\0';
    return text;
}

// The sender and as many of the recipients as one POST may name. NULL at the end.
static void name_people(struct transport_channel *ch, char *ret[RECIPIENTS_MAX + 2]) {
    const struct transport_letter *l = ch->letter;
    size_t n = 0, octets = 0;
    if (l->reverse_path.len > 0)
        ret[n++] = field("X-MAIL-FROM: ", l->reverse_path);
    ch->n_named = 0;
    while (ch->n_named < RECIPIENTS_MAX && ch->settled + ch->n_named < l->n_recipients) {
        struct slice to = l->recipients[ch->settled + ch->n_named];
        ASSERT(to.len > 0);
        octets += to.len + 13;
        if (ch->n_named > 0 && octets > FIELDS_OCTETS_MAX)
            break;
        ret[n++] = field("X-MAIL-TO: ", to);
        ch->n_named++;
    }
    ret[n] = NULL;
}

static void write_url(const struct transport_channel *ch, char ret[URL_SIZE]) {
    const struct config *c = config_acquire(ch->client->s.config);
    char port[8] = "";
    if (c->outbound_https_port != HTTPS_PORT)
        (void)snprintf(port, sizeof(port), ":%u", (unsigned)c->outbound_https_port);
    config_release(ch->client->s.config, c);
    bool is_ipv6 = strchr(ch->host->name, ':') != NULL; // RFC 3986 section 3.2.2; the Host field is the same
    int n = snprintf(ret, URL_SIZE, is_ipv6 ? "https://[%s]%s/mxdeliv" : "https://%s%s/mxdeliv", ch->host->name, port);
    ASSERT(n > 0 && n < URL_SIZE);
}

static void post(struct transport_channel *ch) {
    char *fields[RECIPIENTS_MAX + 2], url[URL_SIZE];
    name_people(ch, fields);
    write_url(ch, url);
    ch->call = http_call_start(ch->client->s.http,
                               &(struct http_call_settings){
                                   .method = "POST",
                                   .url = url,
                                   .headers = (const char *const *)fields,
                                   .addresses = ch->host->addresses,
                                   .n_addresses = ch->host->n_addresses,
                                   .check = ch->host->check == TLS_CHECK_ANY ? TLS_CHECK_ANY : TLS_CHECK_PKIX,
                                   .version = HTTP_VERSION_1_1,
                                   .expect_continue = ch->body.len > EXPECT_FROM,
                                   .timeout_ms = ch->client->s.timeout_ms,
                                   .connect_timeout_ms = CONNECT_MS,
                                   .max_answer = ANSWER_MAX,
                                   .body_len = ch->body.len,
                                   .on_body = on_body,
                                   .on_rewind = on_rewind,
                                   .on_done = on_answer,
                                   .arg = ch,
                               });
    for (size_t i = 0; fields[i] != NULL; i++)
        free(fields[i]);
}

static void on_measured(void *arg, bool ok) {
    struct transport_channel *ch = arg;
    if (ok)
        post(ch);
    else
        finish(ch, &(struct transport_end){
                       .result = TRANSPORT_BROKEN,
                       .why = {.code = 451, .text = "451 4.3.0 Local error: the message could not be read"}});
}

// ---- the transport ----

static struct transport_channel *open_channel(void *arg, const struct transport_host *host) {
    struct transport_channel *ch = MEM_NEW(struct transport_channel);
    ch->client = arg;
    ch->host = host;
    ch->client->n_channels++;
    return ch;
}

static void send_letter(struct transport_channel *ch, struct transport_letter *l,
                        void (*done)(void *arg, const struct transport_end *end), void *done_arg) {
    ASSERT(ch->letter == NULL && l->n_recipients > 0);
    ch->letter = l;
    ch->settled = 0;
    ch->was_asked = false;
    ch->done = done;
    ch->done_arg = done_arg;
    mxdeliv_body_start(&ch->body, l, on_measured, on_more, ch);
}

static void close_channel(struct transport_channel *ch) {
    http_call_cancel(ch->call);
    mxdeliv_body_stop(&ch->body);
    ch->client->n_channels--;
    free(ch);
}

struct mxdeliv_client *mxdeliv_client_new(const struct mxdeliv_client_settings *s) {
    struct mxdeliv_client *c = MEM_NEW(struct mxdeliv_client);
    c->s = *s;
    if (c->s.timeout_ms == 0)
        c->s.timeout_ms = TIMEOUT_MS;
    c->transport = (struct transport){
        .name = "HTTPS", .arg = c, .open = open_channel, .send = send_letter, .close = close_channel};
    return c;
}

const struct transport *mxdeliv_client_transport(const struct mxdeliv_client *c) {
    return &c->transport;
}

void mxdeliv_client_free(struct mxdeliv_client *c) {
    if (c == NULL)
        return;
    ASSERT(c->n_channels == 0);
    free(c);
}
