// SPDX-License-Identifier: MIT
// What servers say to the small clients of the self-test: the first octet picks the client, the rest is all that its
// server says before it hangs up.
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "check/http.h"
#include "check/imap.h"
#include "check/smtp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SAID_MAX = 64 * 1024 }; // what a socket takes without a reader

static void talk_imap(struct check_imap *i) {
    bool is_refused;
    uint32_t exists;
    if (!check_imap_command(i, &is_refused, "NOOP") || !check_imap_select(i, &exists) || !check_imap_idle(i) ||
        !check_imap_wait_exists(i, exists, &exists) || !check_imap_end_idle(i) || !check_imap_empty(i))
        ASSERT(i->link.error[0] != '\0');
}

static void talk_http(struct check_link *l) {
    struct check_answer a;
    struct slice value;
    if (!check_http_ask(l, "GET", "a.org", "/", &a))
        ASSERT(l->error[0] != '\0');
    else if (check_http_field(&a, SLICE("Date"), &value))
        ASSERT(value.ptr >= a.head.ptr && value.ptr + value.len <= a.head.ptr + a.head.len);
}

static void talk_smtp(struct check_smtp *s) {
    uint64_t dot;
    if (!check_smtp_login(s, "a@a.org", "secret") ||
        !check_smtp_send(s, "a@a.org", "b@a.org", SLICE("Subject: x\r\n\r\nx\r\n"), &dot))
        ASSERT(s->link.error[0] != '\0');
}

// The link over one end of a pair, whose other end has said everything.
static int hear(struct check_link *l, const uint8_t *said, size_t size) {
    int ends[2];
    ASSERT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) == 0);
    ASSERT(write(ends[1], said, size) == (ssize_t)size && shutdown(ends[1], SHUT_WR) == 0);
    l->fd = ends[0];
    return ends[1];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1 || size > SAID_MAX)
        return 0;
    const struct check_limit limit = {.until_ms = clock_mono_ms() + 10 * 1000};
    struct check_imap imap;
    struct check_smtp smtp;
    struct check_link http;
    check_imap_init(&imap, &limit);
    check_smtp_init(&smtp, &limit);
    check_link_init(&http, &limit);
    int client = data[0] % 3;
    int server = hear(client == 0 ? &imap.link : client == 1 ? &smtp.link : &http, data + 1, size - 1);
    if (client == 0)
        talk_imap(&imap);
    else if (client == 1)
        talk_smtp(&smtp);
    else
        talk_http(&http);
    (void)close(server);
    check_imap_close(&imap);
    check_smtp_close(&smtp);
    check_link_close(&http);
    return 0;
}
