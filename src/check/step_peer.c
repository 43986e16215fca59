// SPDX-License-Identifier: MIT
// The round trip with another relay, whose own accounts come into being by a first login as ours do; and taking away
// what the test has made, here and there.
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "check/message.h"
#include "check/step.h"

enum { IMAPS = 993, SUBMISSIONS = 465, MESSAGE_MAX = 64 * 1024, DROPS_MAX = 16 };

// ---- the other relay ----

static struct check_tls peer_tls(const struct check *c) {
    // Those clients know by their key alone.
    bool any = c->peer[0] == '_' || c->peer[0] == '[';
    return (struct check_tls){.context = c->tls, .name = c->peer_name, .any_certificate = any};
}

static struct net_address peer_place(const struct check *c, uint16_t port) {
    struct net_address to = c->peer_host;
    to.port = port;
    return to;
}

static bool open_peer_imap(struct check *c, struct check_imap *i) {
    const struct net_address to = peer_place(c, IMAPS);
    const struct check_tls tls = peer_tls(c);
    return check_imap_open(i, &to, CHECK_TLS_AT_ONCE, &tls) &&
           check_imap_login(i, c->at_peer.address, c->at_peer.password);
}

enum check_verdict check_step_peer_account(struct check *c, struct check_result *r) {
    struct check_imap i;
    struct check_account *a = &c->at_peer;
    check_account_invent(a, c->peer, CHECK_LOCAL_PART_LEN, CHECK_PASSWORD_LEN);
    check_imap_init(&i, &c->limit);
    const struct net_address none = {0};
    const struct check_tls tls = peer_tls(c);
    enum check_verdict verdict;
    bool is_refused = false, ok = check_resolve(c->peer_name, IMAPS, &c->peer_host, i.link.error);
    if (ok) {
        const struct net_address to = peer_place(c, IMAPS);
        ok = check_imap_open(&i, &to, CHECK_TLS_AT_ONCE, &tls);
    } else {
        c->peer_host = none;
    }
    uint64_t begun = clock_mono_us();
    if (ok) {
        a->may_exist = true;
        a->is_ready = check_imap_command(&i, &is_refused, "LOGIN \"%s\" \"%s\"", a->address, a->password);
        r->ms = (double)(clock_mono_us() - begun) / 1000;
    }
    if (a->is_ready)
        verdict = check_ok(r, "%s made one by its first login", c->peer);
    else if (is_refused)
        verdict = check_skip(r, "%s makes none for us (%.120s), so only sending is tried", c->peer, i.link.error);
    else
        verdict = check_fail(r, "%s: %s; see that its name is right and its port 993 can be reached from here", c->peer,
                             i.link.error);
    check_imap_close(&i);
    return verdict;
}

// ---- what our queue knows ----

struct waiting {
    const char *sender;
    json_int_t ids[DROPS_MAX];
    size_t n;
    char reply[200];
};

static void on_waiting(void *arg, const json_t *row) {
    struct waiting *w = arg;
    const char *sender = json_string_value(json_object_get(row, "sender"));
    const char *reply = json_string_value(json_object_get(row, "reply"));
    if (sender == NULL || strcmp(sender, w->sender) != 0 || w->n == DROPS_MAX)
        return;
    w->ids[w->n++] = json_integer_value(json_object_get(row, "id"));
    (void)snprintf(w->reply, sizeof(w->reply), "%s", reply != NULL ? reply : "");
}

// Our test messages that still wait for the peer, and why.
static void look_at_queue(struct check *c, struct waiting *ret) {
    char error[CHECK_CONTROL_ERROR_SIZE];
    json_t *last = NULL;
    *ret = (struct waiting){.sender = c->a.address};
    if (c->settings->domain != NULL ||
        !check_ask(c, json_pack("{s:s, s:s}", "command", "queue-show", "destination", c->peer), on_waiting, ret, &last,
                   error))
        return;
    const char *why = json_string_value(json_object_get(last, "error"));
    if (ret->reply[0] == '\0' && why != NULL)
        (void)snprintf(ret->reply, sizeof(ret->reply), "%s", why);
    json_decref(last);
}

static enum check_verdict explain_sending(struct check *c, const char *error, struct check_result *r) {
    struct waiting w;
    look_at_queue(c, &w);
    if (w.n > 0)
        return check_fail(r, "it still waits here%s%s; see `martlet queue show %s` and `martlet dns --check`",
                          w.reply[0] != '\0' ? ": " : "", w.reply, c->peer);
    return check_fail(r, "%s; see `martlet queue show %s` and the logs of both", error, c->peer);
}

// ---- there and back ----

static bool open_own(struct check *c, struct check_smtp *s) {
    const struct net_address to = check_place(c, "smtps");
    const struct check_tls tls = check_own_tls(c, NULL);
    return check_smtp_open(s, &to, CHECK_TLS_AT_ONCE, &tls) && check_smtp_login(s, c->a.address, c->a.password);
}

static bool open_own_imap(struct check *c, struct check_imap *i) {
    const struct net_address to = check_place(c, "imaps");
    const struct check_tls tls = check_own_tls(c, NULL);
    return check_imap_open(i, &to, CHECK_TLS_AT_ONCE, &tls) && check_imap_login(i, c->a.address, c->a.password);
}

// The server's words in a bounce (RFC 3464): the line of its diagnostic code.
static bool find_diagnosis(struct slice bounce, struct slice *ret) {
    static const struct slice field = {"Diagnostic-Code:", 16};
    size_t at = slice_find_slice(bounce, field);
    struct slice rest = slice_sub(bounce, at + field.len, bounce.len), line;
    (void)slice_cut(rest, '\n', &line, &rest);
    *ret = slice_sub(slice_trim(line), 0, 120);
    return at < bounce.len;
}

// Nobody there is ours: the refusal that comes back shows that the way there works.
static enum check_verdict send_to_nobody(struct check *c, struct check_result *r) {
    struct check_smtp s;
    struct check_imap i;
    struct buf message;
    struct slice words = SLICE_EMPTY;
    char mark[CHECK_MARK_SIZE], error[CHECK_ERROR_SIZE] = "";
    uint64_t dot = 0;
    uint32_t before = 0, after = 0;
    check_smtp_init(&s, &c->limit);
    check_imap_init(&i, &c->limit);
    buf_init(&message, MESSAGE_MAX);
    check_message_encrypted(c->a.address, c->at_peer.address, &message, mark);
    bool ok = open_own_imap(c, &i) && check_imap_select(&i, &before) && check_imap_idle(&i);
    if (!ok)
        (void)check_error(error, "IMAP here: %.200s", i.link.error);
    if (ok && !(open_own(c, &s) && check_smtp_send(&s, c->a.address, c->at_peer.address, buf_slice(&message), &dot)))
        ok = check_error(error, "it was not taken here: %.200s", s.link.error);
    if (ok && !(check_imap_wait_exists(&i, before, &after) && check_imap_end_idle(&i) &&
                check_imap_command(&i, NULL, "FETCH %u BODY.PEEK[]", after)))
        ok = check_error(error, "neither delivery nor refusal is known: %.150s", i.link.error);
    r->ms = ok ? (double)(clock_mono_us() - dot) / 1000 : 0;
    enum check_verdict verdict;
    if (!ok)
        verdict = explain_sending(c, error, r);
    else if (find_diagnosis(buf_slice(&i.untagged), &words))
        verdict = check_ok(r, "%s was reached and does not know the address: %.*s", c->peer, SLICE_FMT(words));
    else
        verdict = check_ok(r, "%s was reached and does not know the address", c->peer);
    buf_done(&message);
    check_smtp_close(&s);
    check_imap_close(&i);
    return verdict;
}

enum check_verdict check_step_peer_to(struct check *c, struct check_result *r) {
    if (!c->at_peer.is_ready && net_address_is_none(&c->peer_host))
        return check_skip(r, "%s is not found", c->peer);
    if (!c->at_peer.is_ready)
        return send_to_nobody(c, r);
    struct check_smtp s;
    struct check_imap i;
    char error[CHECK_ERROR_SIZE];
    check_smtp_init(&s, &c->limit);
    check_imap_init(&i, &c->limit);
    struct check_delivery d = {.from = c->a.address, .to = c->at_peer.address, .smtp = &s, .imap = &i};
    bool ok = false;
    if (!open_peer_imap(c, &i))
        (void)check_error(error, "IMAP there: %.200s", i.link.error);
    else if (!open_own(c, &s))
        (void)check_error(error, "SMTP here: %.200s", s.link.error);
    else
        ok = check_deliver(&d, error);
    check_smtp_close(&s);
    check_imap_close(&i);
    if (!ok)
        return explain_sending(c, error, r);
    r->ms = d.ret_ms;
    return check_ok(r, "final dot here to EXISTS there, 250 at %.1f ms", d.ret_accepted_ms);
}

enum check_verdict check_step_peer_from(struct check *c, struct check_result *r) {
    if (!c->at_peer.is_ready)
        return check_skip(r, "it takes an account there");
    struct check_smtp s;
    struct check_imap i;
    char error[CHECK_ERROR_SIZE];
    const struct net_address to = peer_place(c, SUBMISSIONS);
    const struct check_tls tls = peer_tls(c);
    check_smtp_init(&s, &c->limit);
    check_imap_init(&i, &c->limit);
    struct check_delivery d = {.from = c->at_peer.address, .to = c->a.address, .smtp = &s, .imap = &i};
    bool ok = false;
    if (!open_own_imap(c, &i))
        (void)check_error(error, "IMAP here: %.200s", i.link.error);
    else if (!check_smtp_open(&s, &to, CHECK_TLS_AT_ONCE, &tls) ||
             !check_smtp_login(&s, c->at_peer.address, c->at_peer.password))
        (void)check_error(error, "SMTP there: %.200s", s.link.error);
    else
        ok = check_deliver(&d, error);
    check_smtp_close(&s);
    check_imap_close(&i);
    if (!ok)
        return check_fail(r, "%s; see `martlet dns --check`: what others need to find and believe this relay is there",
                          error);
    r->ms = d.ret_ms;
    return check_ok(r, "final dot there to EXISTS here, 250 at %.1f ms", d.ret_accepted_ms);
}

// ---- clean-up ----

static bool drop_waiting(struct check *c) {
    struct waiting w;
    char error[CHECK_CONTROL_ERROR_SIZE];
    bool ok = true;
    if (c->settings->peer == NULL || c->status == NULL || !c->a.may_exist)
        return true;
    look_at_queue(c, &w);
    for (size_t i = 0; i < w.n; i++) // one that has just gone is no trouble
        ok = (check_ask(c, json_pack("{s:s, s:s, s:I}", "command", "queue-drop", "destination", "", "id", w.ids[i]),
                        NULL, NULL, NULL, error) ||
              strstr(error, "no message of this number") != NULL) &&
             ok;
    return ok;
}

// An account of another relay nobody but its operator can delete; what was sent to it, we can.
static bool empty_account(struct check *c, const struct check_account *a, struct net_address at, struct check_tls tls) {
    struct check_imap i;
    uint32_t exists;
    if (!a->is_ready)
        return true;
    check_imap_init(&i, &c->limit);
    bool ok = check_imap_open(&i, &at, CHECK_TLS_AT_ONCE, &tls) && check_imap_login(&i, a->address, a->password) &&
              check_imap_select(&i, &exists) && (exists == 0 || check_imap_empty(&i));
    check_imap_close(&i);
    return ok;
}

static enum check_verdict leave_accounts(struct check *c, struct check_result *r) {
    const struct net_address at = check_place(c, "imaps");
    const struct check_tls tls = check_own_tls(c, NULL);
    bool has_emptied = empty_account(c, &c->a, at, tls);
    has_emptied = empty_account(c, &c->b, at, tls) && has_emptied;
    return check_skip(r, "%s and %s stay until they expire%s", c->a.address, c->b.address,
                      has_emptied ? "; they are empty" : ", with what could not be deleted");
}

// A login that got no answer may still be under way: it is waited for.
static bool delete_account(struct check *c, const struct check_account *a, char error[CHECK_CONTROL_ERROR_SIZE]) {
    enum { TRIES_MAX = 4, PAUSE_MS = 250 };
    for (int try = 0; a->may_exist && try < TRIES_MAX; try++) {
        if (check_ask(c, json_pack("{s:s, s:s}", "command", "account-delete", "address", a->address), NULL, NULL, NULL,
                      error))
            return true;
        if (strstr(error, "there is no account") == NULL)
            return false;
        if (a->is_ready)
            return true; // gone already
        (void)nanosleep(&(struct timespec){.tv_nsec = PAUSE_MS * 1000 * 1000}, NULL);
    }
    return true;
}

enum check_verdict check_step_clean_up(struct check *c, struct check_result *r) {
    char error[CHECK_CONTROL_ERROR_SIZE] = "";
    bool has_emptied = empty_account(c, &c->at_peer, peer_place(c, IMAPS), peer_tls(c)), has_dropped = drop_waiting(c);
    if (!c->a.may_exist && !c->b.may_exist)
        return check_skip(r, "nothing was made");
    if (c->settings->domain != NULL)
        return leave_accounts(c, r);
    bool has_deleted = delete_account(c, &c->a, error);
    has_deleted = delete_account(c, &c->b, error) && has_deleted;
    if (!has_deleted)
        return check_fail(r, "%s and %s could not be deleted: %.150s; use `martlet account delete`", c->a.address,
                          c->b.address, error);
    if (!has_dropped)
        return check_fail(r, "a message still waits for %s; use `martlet queue drop`", c->peer);
    if (!has_emptied)
        return check_fail(r, "%s could not be emptied; its messages expire there", c->at_peer.address);
    return check_ok(r, "the accounts of the test are deleted%s", c->at_peer.is_ready ? ", the one there is empty" : "");
}
