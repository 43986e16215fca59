// SPDX-License-Identifier: MIT
#include "smtp/server/dialogue.h"

#include <stdio.h>

#include "base/base64.h"
#include "base/mem.h"
#include "config/config.h"
#include "intake/intake.h"
#include "net/listener.h"

const char dialogue_message[] = "From: <alice@relay.test>\r\n"
                                "Date: Sat, 21 Nov 2026 09:18:00 +0000\r\n"
                                "Message-ID: <one@localhost>\r\n"
                                "MIME-Version: 1.0\r\n"
                                "To: \"hidden-recipients\": ;\r\n"
                                "Subject: a secret\r\n"
                                "User-Agent: test\r\n"
                                "Content-Type: multipart/encrypted; protocol=\"application/pgp-encrypted\";\r\n"
                                " boundary=\"B\"\r\n"
                                "\r\n"
                                "\r\n"
                                "--B\r\n"
                                "Content-Type: application/pgp-encrypted; charset=\"utf-8\"\r\n"
                                "Content-Transfer-Encoding: 7bit\r\n"
                                "\r\n"
                                "Version: 1\r\n"
                                "\r\n"
                                "--B\r\n"
                                "Content-Type: application/octet-stream; charset=\"utf-8\"\r\n"
                                "Content-Transfer-Encoding: 7bit\r\n"
                                "\r\n"
                                "-----BEGIN PGP MESSAGE-----\r\n"
                                "\r\n"
                                "wQ0AAQIDBAUGBwgJCgsM0hQAAQIDBAUGBwgJCgsMDQ4PEBESEw==\r\n"
                                "-----END PGP MESSAGE-----\r\n"
                                "\r\n"
                                "--B--\r\n";

// ---- setting up ----

void dialogue_connect(struct dialogue *d, bool tls) {
    conn_memory_free(d->conn);
    buf_done(&d->replies);
    d->conn = conn_new_memory(d->loop, &smtp_session_ops, NULL, tls);
    conn_set_session(d->conn, smtp_session_open(&d->server, d->conn));
    loop_run_ready(d->loop);
}

static void open_role(struct dialogue *d, enum smtp_role role, bool tls, const char *const *settings) {
    *d = (struct dialogue){.accounts.sends_left = 10, .sender = "alice@relay.test"};
    if (role == SMTP_ROLE_RELAY)
        d->sender = "alice@[192.0.2.9]";
    buf_init(&d->replies, 16 * 1024 * 1024);
    d->loop = loop_new();
    struct config *config = config_parse(SLICE("[params]\nmail_domain = relay.test\n"), "test", settings, NULL, NULL);
    ASSERT(config != NULL);
    d->config = config_holder_new(config);
    fake_store_init(&d->store);
    d->intake =
        intake_new(&(struct intake_settings){.config = d->config, .store = &d->store, .accounts = &d->accounts});
    d->server = (struct smtp_server){.role = role, .config = d->config, .accounts = &d->accounts, .intake = d->intake};
    dialogue_connect(d, tls);
}

void dialogue_open(struct dialogue *d, bool tls, const char *const *settings) {
    open_role(d, SMTP_ROLE_SUBMISSION, tls, settings);
}

void dialogue_open_relay(struct dialogue *d, bool tls, const char *const *settings) {
    open_role(d, SMTP_ROLE_RELAY, tls, settings);
}

void dialogue_close(struct dialogue *d) {
    conn_memory_free(d->conn);
    buf_done(&d->replies);
    loop_run_ready(d->loop);
    fake_store_done(&d->store);
    intake_free(d->intake);
    config_holder_free(d->config);
    loop_free(d->loop);
}

// ---- sending ----

void dialogue_send(struct dialogue *d, const char *ptr, size_t len) {
    conn_memory_feed(d->conn, ptr, len);
    loop_run_ready(d->loop);
}

static void send_line(struct dialogue *d, struct slice line) {
    struct buf b;
    buf_init(&b, line.len + 2);
    ASSERT(buf_append_slice(&b, line) && buf_append_cstr(&b, "\r\n"));
    dialogue_send(d, buf_slice(&b).ptr, line.len + 2);
    buf_done(&b);
}

static void send_escaped(struct dialogue *d, struct slice s) {
    char *out = mem_alloc(s.len);
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        char c = s.ptr[i];
        if (c == '\\' && i + 1 < s.len) {
            i++;
            c = s.ptr[i] == 'r' ? '\r' : s.ptr[i] == 'n' ? '\n' : s.ptr[i] == '0' ? '\0' : s.ptr[i];
        }
        out[n++] = c;
    }
    dialogue_send(d, out, n);
    free(out);
}

// ---- receiving ----

static bool fail(struct dialogue *d, struct slice want, struct slice got) {
    (void)snprintf(d->problem, sizeof(d->problem), "want [%.*s] got [%.*s]", SLICE_FMT(want), SLICE_FMT(got));
    return false;
}

static struct slice unread(struct dialogue *d) {
    ASSERT(buf_append_slice(&d->replies, conn_memory_output(d->conn)));
    conn_memory_take_output(d->conn);
    return buf_slice(&d->replies);
}

// Takes the next line of output into `line`, without CRLF.
static bool next_line(struct dialogue *d, char line[2048]) {
    struct slice head, tail;
    if (!slice_cut(unread(d), '\n', &head, &tail))
        return false;
    ASSERT(slice_ends_with(head, SLICE("\r")) && head.len < 2048);
    (void)snprintf(line, 2048, "%.*s", SLICE_FMT(slice_sub(head, 0, head.len - 1)));
    buf_consume(&d->replies, head.len + 1);
    return true;
}

static bool matches(struct slice want, struct slice got) {
    if (slice_ends_with(want, SLICE("*")))
        return slice_starts_with(got, slice_sub(want, 0, want.len - 1));
    return slice_eq(want, got);
}

static bool expect(struct dialogue *d, struct slice want, bool skip) {
    char line[2048];
    do {
        if (!next_line(d, line))
            return fail(d, want, SLICE("nothing"));
    } while (skip && line[3] == '-');
    return matches(want, slice_from_cstr(line)) || fail(d, want, slice_from_cstr(line));
}

static bool expect_number(struct dialogue *d, struct slice want, size_t have) {
    char text[32];
    (void)snprintf(text, sizeof(text), "%zu", have);
    return slice_eq(want, slice_from_cstr(text)) || fail(d, want, slice_from_cstr(text));
}

size_t dialogue_check_replies(struct slice replies) {
    size_t n = 0;
    struct slice line;
    while (slice_cut(replies, '\n', &line, &replies)) {
        ASSERT(slice_ends_with(line, SLICE("\r")) && line.len >= 5);
        for (size_t i = 0; i < 3; i++)
            ASSERT(ascii_is_digit(line.ptr[i]));
        ASSERT(line.ptr[3] == ' ' || line.ptr[3] == '-');
        ASSERT(slice_find(slice_sub(line, 0, line.len - 1), '\r') == line.len - 1);
        n += slice_eq(line, SLICE("250 OK\r"));
    }
    ASSERT(line.len == 0); // the last line is complete
    return n;
}

// ---- the script ----

static bool run_hello(struct dialogue *d) {
    send_line(d, SLICE("EHLO [127.0.0.1]"));
    return expect(d, SLICE("250 CHUNKING"), true);
}

static bool run_auth(struct dialogue *d, struct slice user) {
    char plain[256], encoded[512], line[600];
    int n = snprintf(plain, sizeof(plain), "%c%.*s@relay.test%csecret-password", 0, SLICE_FMT(user), 0);
    base64_encode(plain, (size_t)n, encoded);
    (void)snprintf(line, sizeof(line), "AUTH PLAIN %s", encoded);
    send_line(d, slice_from_cstr(line));
    return expect(d, SLICE("235 2.7.0 Authentication successful"), false);
}

static bool run_to(struct dialogue *d, struct slice list) {
    char from[600];
    (void)snprintf(from, sizeof(from), "MAIL FROM:<%s>", d->sender);
    send_line(d, slice_from_cstr(from));
    bool ok = expect(d, SLICE("250 2.1.0 OK"), false);
    for (struct slice w = slice_next_word(&list); ok && w.len > 0; w = slice_next_word(&list)) {
        char line[600];
        bool has_domain = slice_find(w, '@') < w.len;
        (void)snprintf(line, sizeof(line), "RCPT TO:<%.*s%s>", SLICE_FMT(w), has_domain ? "" : "@relay.test");
        send_line(d, slice_from_cstr(line));
        ok = expect(d, SLICE("250 2.1.5 OK"), false);
    }
    if (!ok)
        return false;
    send_line(d, SLICE("DATA"));
    return expect(d, SLICE("354 End data with <CR><LF>.<CR><LF>"), false);
}

static void run_message(struct dialogue *d) {
    char from[600];
    const char *rest = strstr(dialogue_message, "\r\n");
    (void)snprintf(from, sizeof(from), "From: <%s>", d->sender);
    dialogue_send(d, from, strlen(from));
    dialogue_send(d, rest, strlen(rest));
    send_line(d, SLICE("."));
}

static bool run_line(struct dialogue *d, struct slice line) {
    struct slice rest = line;
    struct slice word = slice_next_word(&rest);
    struct slice arg = slice_sub(line, word.len + 1, line.len);
    if (slice_eq(word, SLICE("C:")))
        send_line(d, arg);
    else if (slice_eq(word, SLICE("R:")))
        send_escaped(d, arg);
    else if (slice_eq(word, SLICE("S:")))
        return expect(d, arg, false);
    else if (slice_eq(word, SLICE("S!")))
        return expect(d, arg, true);
    else if (slice_eq(word, SLICE("NONE")))
        return unread(d).len == 0 || fail(d, SLICE("nothing"), unread(d));
    else if (slice_eq(word, SLICE("HELLO")))
        return run_hello(d);
    else if (slice_eq(word, SLICE("AUTH")))
        return run_auth(d, arg);
    else if (slice_eq(word, SLICE("TO")))
        return run_to(d, arg);
    else if (slice_eq(word, SLICE("COUNT")))
        return expect_number(d, arg, d->store.n_delivered);
    else if (slice_eq(word, SLICE("QUEUED")))
        return expect_number(d, arg, d->store.n_queued);
    else if (slice_eq(word, SLICE("CLOSED")))
        return conn_memory_is_closed(d->conn) || fail(d, word, SLICE("open"));
    else if (slice_eq(word, SLICE("MESSAGE")))
        run_message(d);
    else if (slice_eq(word, SLICE("EOF")))
        conn_memory_feed_eof(d->conn);
    else if (slice_eq(word, SLICE("TIMEOUT")))
        conn_memory_timeout(d->conn);
    else if (slice_eq(word, SLICE("SHUTDOWN")))
        conn_shutdown_all(d->loop);
    else
        return fail(d, SLICE("a script line"), line);
    loop_run_ready(d->loop);
    return true;
}

bool dialogue_run(struct dialogue *d, const char *script) {
    struct slice rest = slice_from_cstr(script), line;
    size_t number = 0;
    while (rest.len > 0) {
        slice_cut(rest, '\n', &line, &rest);
        number++;
        if (line.len == 0 || run_line(d, line))
            continue;
        char why[1024];
        (void)snprintf(why, sizeof(why), "%.1000s", d->problem);
        (void)snprintf(d->problem, sizeof(d->problem), "line %zu [%.*s]: %s", number, SLICE_FMT(line), why);
        return false;
    }
    return true;
}
