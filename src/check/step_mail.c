// SPDX-License-Identifier: MIT
// Accounts by first login, and messages between them.
#include <stdio.h>
#include <string.h>

#include "account/password.h"
#include "base/clock.h"
#include "check/message.h"
#include "check/step.h"

enum { MESSAGE_MAX = 64 * 1024 };

// ---- accounts ----

// Where a login makes none, as an operator does; only the hash goes to the relay.
static bool make_account(struct check *c, struct check_account *a, char error[CHECK_CONTROL_ERROR_SIZE]) {
    const char *registration = check_status_text(c, "settings", "registration");
    if (registration[0] == '\0' || strcmp(registration, "open") == 0)
        return true;
    char hash[STORE_PASSWORD_HASH_MAX + 1];
    if (!account_password_hash(a->password, hash)) {
        (void)snprintf(error, CHECK_CONTROL_ERROR_SIZE, "crypt(3) refused a password");
        return false;
    }
    a->may_exist = true;
    return check_ask(c, json_pack("{s:s, s:s, s:s}", "command", "account-create", "address", a->address, "hash", hash),
                     NULL, NULL, NULL, error);
}

// As many characters as usual, unless the operator wants more, or fewer.
static void invent(const struct check *c, struct check_account *a) {
    const json_t *settings = check_status(c, "settings");
    json_int_t least = json_integer_value(json_object_get(settings, "username_min_length"));
    json_int_t most = json_integer_value(json_object_get(settings, "username_max_length"));
    json_int_t password_least = json_integer_value(json_object_get(settings, "password_min_length"));
    json_int_t local = most > 0 && CHECK_LOCAL_PART_LEN > most ? most : CHECK_LOCAL_PART_LEN;
    check_account_invent(a, c->domain, (size_t)(local < least ? least : local),
                         (size_t)(CHECK_PASSWORD_LEN < password_least ? password_least : CHECK_PASSWORD_LEN));
}

static enum check_verdict log_in(struct check *c, struct check_account *a, struct check_result *r) {
    char error[CHECK_CONTROL_ERROR_SIZE];
    invent(c, a);
    if (!make_account(c, a, error))
        return check_fail(r, "no account could be made: %s", error);
    const char *how =
        a->may_exist ? "made by the operator's command, for registration is not open" : "made by its first login";
    struct check_imap i;
    const struct check_tls tls = check_own_tls(c, NULL);
    const struct net_address to = check_place(c, "imaps");
    check_imap_init(&i, &c->limit);
    bool ok = check_imap_open(&i, &to, CHECK_TLS_AT_ONCE, &tls);
    enum check_verdict verdict;
    uint64_t begun = clock_mono_us();
    if (!ok) {
        verdict = check_fail(r, "IMAP could not be spoken: %s; see the relay's log", i.link.error);
    } else {
        a->may_exist = true;
        a->is_ready = check_imap_login(&i, a->address, a->password);
        r->ms = (double)(clock_mono_us() - begun) / 1000;
        verdict = a->is_ready
                      ? check_ok(r, "IMAP, %s", how)
                      : check_fail(r,
                                   "the first login made no account: %s; see `martlet status` for what is short, "
                                   "or this address has made its max_new_accounts_per_hour",
                                   i.link.error);
    }
    check_imap_close(&i);
    return verdict;
}

enum check_verdict check_step_account_1(struct check *c, struct check_result *r) {
    return log_in(c, &c->a, r);
}

enum check_verdict check_step_account_2(struct check *c, struct check_result *r) {
    enum check_verdict verdict = log_in(c, &c->b, r);
    if (c->a.is_ready && c->b.is_ready)
        c->has |= CHECK_NEEDS_ACCOUNTS;
    return verdict;
}

// ---- one message ----

static bool fetch_and_empty(struct check_imap *i, uint32_t number, const char *mark) {
    if (!check_imap_command(i, NULL, "FETCH %u BODY.PEEK[]", number))
        return false;
    struct slice all = buf_slice(&i->untagged);
    if (slice_find_slice(all, slice_from_cstr(mark)) == all.len)
        return check_error(i->link.error, "what was fetched is not what was sent");
    return check_imap_empty(i);
}

bool check_deliver(struct check_delivery *d, char ret_error[CHECK_ERROR_SIZE]) {
    struct buf message;
    char mark[CHECK_MARK_SIZE];
    uint64_t dot = 0;
    uint32_t before = 0, after = 0;
    buf_init(&message, MESSAGE_MAX);
    check_message_encrypted(d->from, d->to, &message, mark);
    bool ok = check_imap_select(d->imap, &before) && check_imap_idle(d->imap);
    if (!ok)
        (void)check_error(ret_error, "IMAP: %.200s", d->imap->link.error);
    if (ok && !check_smtp_send(d->smtp, d->from, d->to, buf_slice(&message), &dot))
        ok = check_error(ret_error, "it was not taken: %.200s", d->smtp->link.error);
    d->ret_accepted_ms = ok ? (double)(clock_mono_us() - dot) / 1000 : 0;
    buf_done(&message);
    if (ok && !check_imap_wait_exists(d->imap, before, &after))
        ok = check_error(ret_error, "it was taken and did not arrive within IDLE: %.150s", d->imap->link.error);
    d->ret_ms = ok ? (double)(clock_mono_us() - dot) / 1000 : 0;
    if (ok && !(check_imap_end_idle(d->imap) && fetch_and_empty(d->imap, after, mark)))
        ok = check_error(ret_error, "it arrived and could not be fetched and deleted: %.150s", d->imap->link.error);
    return ok;
}

// From account 1 to account 2, over these ports.
struct way {
    const char *smtp_service, *imap_service;
    enum check_security smtp_security;
    const char *smtp_alpn, *imap_alpn;
};

static bool open_way(struct check *c, const struct way *w, struct check_smtp *s, struct check_imap *i,
                     char error[CHECK_ERROR_SIZE]) {
    const struct check_tls smtp_tls = check_own_tls(c, w->smtp_alpn), imap_tls = check_own_tls(c, w->imap_alpn);
    const struct net_address to_smtp = check_place(c, w->smtp_service), to_imap = check_place(c, w->imap_service);
    if (!check_imap_open(i, &to_imap, CHECK_TLS_AT_ONCE, &imap_tls) ||
        !check_imap_login(i, c->b.address, c->b.password))
        return check_error(error, "IMAP: %.200s", i->link.error);
    if (!check_smtp_open(s, &to_smtp, w->smtp_security, &smtp_tls) || !check_smtp_login(s, c->a.address, c->a.password))
        return check_error(error, "SMTP: %.200s", s->link.error);
    return true;
}

static enum check_verdict send_by(struct check *c, const struct way *w, struct check_result *r) {
    struct check_smtp s;
    struct check_imap i;
    char error[CHECK_ERROR_SIZE];
    check_smtp_init(&s, &c->limit);
    check_imap_init(&i, &c->limit);
    struct check_delivery d = {.from = c->a.address, .to = c->b.address, .smtp = &s, .imap = &i};
    bool ok = open_way(c, w, &s, &i, error) && check_deliver(&d, error);
    check_smtp_close(&s);
    check_imap_close(&i);
    if (!ok)
        return check_fail(r, "%s; see the relay's log", error);
    r->ms = d.ret_ms;
    return check_ok(r, "final dot to EXISTS in IDLE, 250 at %.1f ms", d.ret_accepted_ms);
}

enum check_verdict check_step_submission_465(struct check *c, struct check_result *r) {
    return send_by(c, &(struct way){"smtps", "imaps", CHECK_TLS_AT_ONCE, NULL, NULL}, r);
}

enum check_verdict check_step_submission_587(struct check *c, struct check_result *r) {
    return send_by(c, &(struct way){"submission", "imaps", CHECK_PLAIN_THEN_TLS, NULL, NULL}, r);
}

enum check_verdict check_step_mail_443(struct check *c, struct check_result *r) {
    return send_by(c, &(struct way){"https", "https", CHECK_TLS_AT_ONCE, "smtp", "imap"}, r);
}

// ---- what else mail is about ----

enum check_verdict check_step_encryption(struct check *c, struct check_result *r) {
    enum { ENCRYPTION_NEEDED = 523 };
    struct check_smtp s;
    struct buf message;
    uint64_t dot;
    const struct check_tls tls = check_own_tls(c, NULL);
    const struct net_address to = check_place(c, "smtps");
    check_smtp_init(&s, &c->limit);
    buf_init(&message, MESSAGE_MAX);
    check_message_clear(c->a.address, c->b.address, &message);
    bool ok = check_smtp_open(&s, &to, CHECK_TLS_AT_ONCE, &tls) && check_smtp_login(&s, c->a.address, c->a.password);
    s.code = 0;
    bool is_taken = ok && check_smtp_send(&s, c->a.address, c->b.address, buf_slice(&message), &dot);
    enum check_verdict verdict;
    if (is_taken)
        verdict =
            check_fail(r, "a message in clear text was taken; this is no relay for encrypted mail alone: see that "
                          "port 465 leads to martlet");
    else if (s.code == ENCRYPTION_NEEDED)
        verdict = check_ok(r, "clear text is refused with %u", s.code);
    else
        verdict = check_fail(r, "clear text was not refused with 523: %s; see the relay's log", s.link.error);
    buf_done(&message);
    check_smtp_close(&s);
    return verdict;
}

enum check_verdict check_step_imap_143(struct check *c, struct check_result *r) {
    struct check_imap i;
    uint32_t exists;
    const struct check_tls tls = check_own_tls(c, NULL);
    const struct net_address to = check_place(c, "imap");
    check_imap_init(&i, &c->limit);
    bool ok = check_imap_open(&i, &to, CHECK_PLAIN_THEN_TLS, &tls) &&
              check_imap_login(&i, c->b.address, c->b.password) && check_imap_select(&i, &exists);
    enum check_verdict verdict = ok ? check_ok(r, "STARTTLS, login and INBOX")
                                    : check_fail(r, "IMAP with STARTTLS: %s; see the relay's log", i.link.error);
    check_imap_close(&i);
    return verdict;
}
