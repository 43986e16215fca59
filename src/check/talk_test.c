// SPDX-License-Identifier: MIT
// The small clients, before a server that has said everything it will say when they connect.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <netinet/in.h>

#include <cmocka.h>

#include "base/clock.h"
#include "check/check.h"
#include "check/http.h"
#include "check/imap.h"
#include "check/smtp.h"

static volatile sig_atomic_t stop;

// What the kernel holds for a connection that nobody has taken yet: the server's words come when it is taken.
struct server {
    int listener, peer;
    struct net_address address;
};

static void server_open(struct server *s) {
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(in);
    s->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    s->peer = -1;
    assert_int_equal(bind(s->listener, (struct sockaddr *)&in, sizeof(in)), 0);
    assert_int_equal(listen(s->listener, 1), 0);
    assert_int_equal(getsockname(s->listener, (struct sockaddr *)&in, &len), 0);
    s->address = net_address_from_sockaddr((struct sockaddr *)&in);
}

// Connects the link, says all of `text`, and hangs up when told.
static void server_serve(struct server *s, struct check_link *l, const char *text, bool hangs_up) {
    assert_true(check_link_connect(l, &s->address));
    s->peer = accept(s->listener, NULL, NULL);
    assert_int_equal(write(s->peer, text, strlen(text)), (ssize_t)strlen(text));
    if (hangs_up)
        assert_int_equal(shutdown(s->peer, SHUT_WR), 0);
}

static void server_close(struct server *s) {
    (void)close(s->listener);
    if (s->peer >= 0)
        (void)close(s->peer);
}

static struct check_limit in_ms(uint64_t ms) {
    return (struct check_limit){.until_ms = clock_mono_ms() + ms, .stop = &stop};
}

static void test_imap(void **state) {
    static const struct {
        const char *said;
        bool want, is_refused;
        const char *want_in; // of the untagged, or of the error
    } cases[] = {
        {"c1 OK done\r\n", true, false, ""},
        {"* 1 FETCH (BODY[] {4}\r\nc1 N)\r\nc1 OK\r\n", true, false, "{4}\r\nc1 N)"},
        {"* X {0}\r\n\r\nc1 OK\r\n", true, false, "{0}"},
        {"* 1 EXISTS\r\nc1 NO [AUTHENTICATIONFAILED] no\r\n", false, true, "\"NO [AUTHENTICATIONFAILED] no\""},
        {"c1 BAD what\r\n", false, false, "\"BAD what\""},
        {"c2 OK of another\r\n", false, false, "closed"},
        {"* X {99}\r\nshort\r\n", false, false, "closed"},
        {"* X {99999999}\r\n", false, false, "more came than makes sense"},
        {"", false, false, "closed"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct server s;
        struct check_imap imap;
        bool is_refused;
        const struct check_limit limit = in_ms(60 * 1000);
        server_open(&s);
        check_imap_init(&imap, &limit);
        server_serve(&s, &imap.link, cases[i].said, true);
        bool got = check_imap_command(&imap, &is_refused, "NOOP");
        struct slice in = got ? buf_slice(&imap.untagged) : slice_from_cstr(imap.link.error);
        if (got != cases[i].want || is_refused != cases[i].is_refused ||
            (cases[i].want_in[0] != '\0' && slice_find_slice(in, slice_from_cstr(cases[i].want_in)) == in.len))
            fail_msg("case %zu: got %d, refused %d, \"%.*s\"", i, got, is_refused, SLICE_FMT(in));
        check_imap_close(&imap);
        server_close(&s);
    }
}

static void test_idle(void **state) {
    struct server s;
    struct check_imap imap;
    uint32_t exists = 0;
    const struct check_limit limit = in_ms(60 * 1000);
    server_open(&s);
    check_imap_init(&imap, &limit);
    server_serve(&s, &imap.link, "+ idling\r\n* OK still here\r\n* 4 EXISTS\r\n* 2 EXPUNGE\r\n* 5 EXISTS\r\nc1 OK\r\n",
                 true);
    assert_true(check_imap_idle(&imap));
    assert_true(check_imap_wait_exists(&imap, 4, &exists));
    assert_int_equal(exists, 5);
    assert_true(check_imap_end_idle(&imap));
    check_imap_close(&imap);
    server_close(&s);
}

static void test_smtp(void **state) {
    static const char ready[] = "250 ok\r\n250 ok\r\n354 go\r\n";
    static const struct {
        const char *end; // after what makes it ready for the message
        bool want;
        unsigned code;
        const char *reply;
    } cases[] = {
        {"250 2.0.0 taken\r\n", true, 250, "2.0.0 taken"},
        {"523-Encryption\r\n523 Needed\r\n", false, 523, "Needed"},
        {"250-first\r\n250 second\r\n", true, 250, "second"},
        {"hello\r\n", false, 0, ""},
        {"", false, 0, ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct server s;
        struct check_smtp smtp;
        char said[256];
        uint64_t dot = 0;
        const struct check_limit limit = in_ms(60 * 1000);
        (void)snprintf(said, sizeof(said), "%s%s", ready, cases[i].end);
        server_open(&s);
        check_smtp_init(&smtp, &limit);
        server_serve(&s, &smtp.link, said, true);
        bool got = check_smtp_send(&smtp, "a@a.org", "b@a.org", SLICE("Subject: x\r\n\r\nx\r\n"), &dot);
        assert_true(dot > 0);
        if (got != cases[i].want || smtp.code != cases[i].code ||
            (cases[i].code != 0 && strcmp(smtp.reply, cases[i].reply) != 0))
            fail_msg("case %zu: got %d, %u \"%s\"", i, got, smtp.code, smtp.reply);
        check_smtp_close(&smtp);
        server_close(&s);
    }
}

static void test_http(void **state) {
    static const struct {
        const char *said;
        unsigned status; // 0: no answer
        const char *date, *body;
    } cases[] = {
        {"HTTP/1.1 200 OK\r\ndate: today\r\n\r\nbody", 200, "today", "body"},
        {"HTTP/1.1 204 None\r\n\r\n", 204, NULL, ""},
        {"HTTP/1.1 200 OK\r\nX: 1\r\n", 0, NULL, NULL},
        {"HTTP/1.1 abc OK\r\n\r\n", 0, NULL, NULL},
        {"220 mail\r\n\r\n", 0, NULL, NULL},
        {"", 0, NULL, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct server s;
        struct check_link l;
        struct check_answer a = {0};
        struct slice date = SLICE_EMPTY;
        const struct check_limit limit = in_ms(60 * 1000);
        server_open(&s);
        check_link_init(&l, &limit);
        server_serve(&s, &l, cases[i].said, true);
        bool got = check_http_ask(&l, "GET", "a.org", "/", &a);
        assert_int_equal(got ? a.status : 0, cases[i].status);
        if (got) {
            assert_int_equal(check_http_field(&a, SLICE("Date"), &date), cases[i].date != NULL);
            assert_true(cases[i].date == NULL || slice_eq(date, slice_from_cstr(cases[i].date)));
            assert_true(slice_eq(a.body, slice_from_cstr(cases[i].body)));
        }
        check_link_close(&l);
        server_close(&s);
    }
}

static void test_patience_ends(void **state) {
    struct server s;
    struct check_link l;
    struct slice line;
    struct check_limit limit = in_ms(30);
    server_open(&s);
    check_link_init(&l, &limit);
    server_serve(&s, &l, "half a line", false);
    assert_false(check_link_read_line(&l, &line));
    assert_string_equal(l.error, "nothing came in time");
    limit = in_ms(60 * 1000);
    stop = 1;
    assert_false(check_link_read_line(&l, &line));
    assert_string_equal(l.error, "the test was interrupted");
    stop = 0;
    check_link_close(&l);
    assert_false(check_link_read_line(&l, &line));
    server_close(&s);
    assert_false(check_link_connect(&l, &s.address));
    assert_string_equal(l.error, "the connection was refused");
    check_link_close(&l);
}

// ---- a server that never stops ----

static void imap_answer(struct check_imap *i) {
    assert_false(check_imap_command(i, NULL, "NOOP"));
}

static void imap_idle(struct check_imap *i) {
    assert_false(check_imap_idle(i));
}

static void imap_exists(struct check_imap *i) {
    uint32_t exists;
    assert_false(check_imap_wait_exists(i, 0, &exists));
}

static void smtp_reply(struct check_smtp *s) {
    assert_false(check_smtp_login(s, "a@a.org", "secret"));
}

// What comes without a pause is never waited for, and ends in time all the same.
static void test_endless_words(void **state) {
    static const struct {
        const char *line;
        void (*imap)(struct check_imap *i);
        void (*smtp)(struct check_smtp *s);
    } cases[] = {
        {"* 1 RECENT\r\n", imap_answer, NULL},
        {"* 1 RECENT\r\n", imap_idle, NULL},
        {"* 1 RECENT\r\n", imap_exists, NULL},
        {"250-more\r\n", NULL, smtp_reply},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct check_imap imap;
        struct check_smtp smtp;
        const struct check_limit limit = in_ms(300);
        int ends[2];
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
        pid_t server = fork();
        if (server == 0) {
            size_t len = strlen(cases[i].line), n = 0;
            char words[4096];
            (void)close(ends[0]);
            for (; n + len < sizeof(words); n += len)
                memcpy(words + n, cases[i].line, len);
            while (send(ends[1], words, n, MSG_NOSIGNAL) > 0)
                continue;
            _exit(0);
        }
        (void)close(ends[1]);
        check_imap_init(&imap, &limit);
        check_smtp_init(&smtp, &limit);
        (void)alarm(60); // what hangs is killed
        if (cases[i].imap != NULL) {
            imap.link.fd = ends[0];
            cases[i].imap(&imap);
        } else {
            smtp.link.fd = ends[0];
            cases[i].smtp(&smtp);
        }
        (void)alarm(0);
        check_imap_close(&imap);
        check_smtp_close(&smtp);
        assert_int_equal(waitpid(server, NULL, 0), server);
    }
}

// ---- all steps, of a relay that is not there ----

struct told {
    unsigned n[3], n_all;
    char first[64], last[64], sentence[CHECK_TEXT_SIZE];
};

static bool ask(void *arg, const json_t *request, void (*on_row)(void *row_arg, const json_t *row), void *row_arg,
                json_t **ret_last, char ret_error[CHECK_CONTROL_ERROR_SIZE]) {
    (void)snprintf(ret_error, CHECK_CONTROL_ERROR_SIZE, "nobody is there");
    return false;
}

static bool ask_rudely(void *arg, const json_t *request, void (*on_row)(void *row_arg, const json_t *row),
                       void *row_arg, json_t **ret_last, char ret_error[CHECK_CONTROL_ERROR_SIZE]) {
    (void)snprintf(ret_error, CHECK_CONTROL_ERROR_SIZE,
                   "\33[31mred\xc2\x9b \xc3\xa4\n\x9b"
                   "3m \xc3");
    return false;
}

static void on_result(void *arg, const struct check_result *r) {
    struct told *t = arg;
    t->n[r->verdict]++;
    if (t->n_all++ == 0) {
        (void)snprintf(t->first, sizeof(t->first), "%s", r->name);
        (void)snprintf(t->sentence, sizeof(t->sentence), "%s", r->text);
    }
    (void)snprintf(t->last, sizeof(t->last), "%s", r->name);
}

static void test_without_a_relay(void **state) {
    struct told told = {0};
    char error[CHECK_CONTROL_ERROR_SIZE];
    struct check_settings settings = {
        .limit_ms = 60 * 1000, .stop = &stop, .ask = ask, .on_result = on_result, .arg = &told};
    assert_int_equal(check_run(&settings, error), CHECK_SOME_FAILED);
    assert_int_equal(told.n[CHECK_OK], 0);
    assert_int_equal(told.n[CHECK_FAILED], 1);
    assert_string_equal(told.first, "relay");
    assert_string_equal(told.sentence, "nobody is there");
    assert_string_equal(told.last, "clean-up");
    settings.ask = ask_rudely;
    told = (struct told){0};
    assert_int_equal(check_run(&settings, error), CHECK_SOME_FAILED);
    assert_string_equal(told.sentence, "?[31mred?? \xc3\xa4??3m ?");
    settings.ask = ask;
    told = (struct told){0};
    assert_int_equal(check_run(&settings, error), CHECK_SOME_FAILED);
    unsigned all = told.n_all;
    settings.peer = "b.org"; // three steps more
    told = (struct told){0};
    assert_int_equal(check_run(&settings, error), CHECK_SOME_FAILED);
    assert_int_equal(told.n_all, all + 3);
    stop = 1;
    told = (struct told){0};
    assert_int_equal(check_run(&settings, error), CHECK_INTERRUPTED);
    assert_int_equal(told.n_all, 1);
    assert_string_equal(told.last, "clean-up");
    stop = 0;
}

// ---- a relay that takes all of the time ----

struct slow {
    struct told told;
    uint16_t port; // of calls; nothing answers there
};

static const uint64_t LIMIT_MS = 1000, BEGUN_US = 1000 * 1000;

static bool ask_slowly(void *arg, const json_t *request, void (*on_row)(void *row_arg, const json_t *row),
                       void *row_arg, json_t **ret_last, char ret_error[CHECK_CONTROL_ERROR_SIZE]) {
    const struct slow *s = arg;
    *ret_last = json_pack("{s:s, s:s, s:[{s:s, s:s, s:i}]}", "domain", "a.org", "version", MARTLET_VERSION, "ports",
                          "service", "turn", "address", "127.0.0.1:3478", "port", s->port);
    clock_set_fake(BEGUN_US + (LIMIT_MS + 1) * 1000, 1900000000);
    return true;
}

static void on_slow_result(void *arg, const struct check_result *r) {
    struct slow *s = arg;
    on_result(&s->told, r);
    if (strcmp(r->name, "port-3478") == 0)
        (void)snprintf(s->told.sentence, sizeof(s->told.sentence), "%s", r->text);
}

static void test_no_time_is_left(void **state) {
    struct sockaddr_in in = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof(in);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
    assert_int_equal(getsockname(fd, (struct sockaddr *)&in, &len), 0);
    struct slow slow = {.port = ntohs(in.sin_port)};
    char error[CHECK_CONTROL_ERROR_SIZE];
    const struct check_settings settings = {
        .limit_ms = LIMIT_MS, .stop = &stop, .ask = ask_slowly, .on_result = on_slow_result, .arg = &slow};
    clock_set_fake(BEGUN_US, 1900000000);
    (void)alarm(60); // what hangs is killed
    assert_int_equal(check_run(&settings, error), CHECK_SOME_FAILED);
    (void)alarm(0);
    clock_use_real();
    assert_string_equal(slow.told.sentence, "the test had no time left for it; look for what was slow above");
    (void)close(fd);
}

static void test_what_cannot_begin(void **state) {
    char error[CHECK_CONTROL_ERROR_SIZE];
    struct check_settings settings = {.limit_ms = 60 * 1000, .ask = ask, .on_result = on_result, .host = "here"};
    assert_int_equal(check_run(&settings, error), CHECK_CANNOT_BEGIN);
    assert_string_equal(error, "\"here\" is no IP address");
    settings.host = NULL;
    settings.ca_file = "/none";
    assert_int_equal(check_run(&settings, error), CHECK_CANNOT_BEGIN);
    assert_string_equal(error, "the certificates of /none (ca_file) cannot be read");
    settings.ca_file = NULL;
    char long_name[301] = "";
    memset(long_name, 'a', sizeof(long_name) - 1);
    const char *const wrong[] = {"", long_name, "a b", "https://a.org", "user@a.org", "a.org:443", "x\33[31m"};
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        settings.domain = i % 2 == 0 ? wrong[i] : "a.org";
        settings.peer = i % 2 == 1 ? wrong[i] : NULL;
        settings.host = "127.0.0.1";
        assert_int_equal(check_run(&settings, error), CHECK_CANNOT_BEGIN);
        assert_non_null(strstr(error, "is neither a domain such as chat.example.org nor an IP address"));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_imap),
        cmocka_unit_test(test_idle),
        cmocka_unit_test(test_smtp),
        cmocka_unit_test(test_http),
        cmocka_unit_test(test_patience_ends),
        cmocka_unit_test(test_endless_words),
        cmocka_unit_test(test_without_a_relay),
        cmocka_unit_test(test_no_time_is_left),
        cmocka_unit_test(test_what_cannot_begin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
