// SPDX-License-Identifier: MIT
// One letter on a ready link. Replies come in the order of the commands, whether these left one by one or all at once,
// so one cursor (`step`, `rcpt`) says whose reply is due, and only what is sent when depends on the style.
//
// A recipient whose reply has code 0 is still in the race. The others have their last word: refused by us before
// anything was sent, or by the server.
#include <stdio.h>
#include <string.h>

#include "mail/address.h"
#include "smtp/client/channel.h"

enum {
    // At most twice this waits for the socket: more is read when less is left.
    AHEAD_LOW = 32 * 1024,
    READ_MAX = 32 * 1024,
    CHUNK_MAX = 256 * 1024, // a larger message waits for the server's word before it leaves
    COMMANDS_MAX = 128 * 1024,
};

// ---- what is known before anything is sent ----

static bool has_8bit(struct slice s) {
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.ptr[i] >= 0x80)
            return true;
    return false;
}

static void refuse(struct transport_reply *r, uint16_t code, const char *words) {
    r->code = code;
    (void)snprintf(r->text, sizeof(r->text), "%u %s", code, words);
}

// For those that have no reply yet.
static void refuse_rest(struct transport_letter *l, uint16_t code, const char *words) {
    for (size_t i = 0; i < l->n_recipients; i++)
        if (l->replies[i].code == 0)
            refuse(&l->replies[i], code, words);
}

static void give_rest(struct transport_letter *l, const struct transport_reply *r) {
    for (size_t i = 0; i < l->n_recipients; i++)
        if (l->replies[i].code == 0)
            l->replies[i] = *r;
}

static bool is_address(struct slice s) {
    struct address a;
    return address_parse(s, &a);
}

// Refuses what cannot be said to this server (RFC 6531 3.5, RFC 1870 6.1), or to any.
static void refuse_unsayable(struct transport_letter *l, const struct smtp_offers *o) {
    static const char no_utf8[] = "5.6.7 The server does not take internationalized addresses";
    char words[128];
    for (size_t i = 0; i < l->n_recipients; i++) {
        l->replies[i] = (struct transport_reply){0};
        if (!is_address(l->recipients[i]))
            refuse(&l->replies[i], 553, "5.1.3 Bad recipient address");
        else if (has_8bit(l->recipients[i]) && !o->smtputf8)
            refuse(&l->replies[i], 553, no_utf8);
    }
    if (l->reverse_path.len > 0 && !is_address(l->reverse_path))
        refuse_rest(l, 553, "5.1.7 Bad sender address");
    if (has_8bit(l->reverse_path) && !o->smtputf8)
        refuse_rest(l, 553, no_utf8);
    if (o->size_max > 0 && l->size > o->size_max) {
        (void)snprintf(words, sizeof(words), "5.3.4 The message of %llu octets is larger than the server takes (%llu)",
                       (unsigned long long)l->size, (unsigned long long)o->size_max);
        refuse_rest(l, 552, words);
    }
}

// The first recipient in the race at `from` or after it; n_recipients when there is none.
static size_t next_in_race(const struct transport_letter *l, size_t from) {
    while (from < l->n_recipients && l->replies[from].code != 0)
        from++;
    return from;
}

// ---- commands ----

static void add(struct buf *b, const char *s) {
    bool fits = buf_append_cstr(b, s);
    ASSERT(fits);
}

static bool needs_utf8(const struct transport_letter *l) {
    bool needs = has_8bit(l->reverse_path);
    for (size_t i = next_in_race(l, 0); i < l->n_recipients; i = next_in_race(l, i + 1))
        needs = needs || has_8bit(l->recipients[i]);
    return needs;
}

static void add_mail(struct buf *b, const struct transport_letter *l, const struct smtp_offers *o) {
    bool fits = buf_printf(b, "MAIL FROM:<%.*s>", SLICE_FMT(l->reverse_path));
    if (o->size)
        fits = fits && buf_printf(b, " SIZE=%llu", (unsigned long long)l->size);
    ASSERT(fits);
    if (o->eightbitmime)
        add(b, " BODY=8BITMIME"); // which allows seven bits too; nobody looks at the message twice
    if (needs_utf8(l))
        add(b, " SMTPUTF8");
    add(b, "\r\n");
}

static void add_rcpt(struct buf *b, const struct transport_letter *l, size_t i) {
    bool fits = buf_printf(b, "RCPT TO:<%.*s>\r\n", SLICE_FMT(l->recipients[i]));
    ASSERT(fits);
}

static void add_body_command(struct buf *b, const struct transport_channel *ch) {
    if (ch->t.style != SMTP_STYLE_CHUNK) {
        add(b, "DATA\r\n");
        return;
    }
    bool fits = buf_printf(b, "BDAT %llu LAST\r\n", (unsigned long long)ch->letter->size);
    ASSERT(fits);
}

static void write_and_done(struct transport_channel *ch, struct buf *b) {
    smtp_link_write(ch->link, buf_slice(b));
    buf_done(b);
}

static void expect(struct transport_channel *ch, enum smtp_step step) {
    static const char *const what[] = {
        [SMTP_STEP_RSET] = "the reply to RSET",
        [SMTP_STEP_MAIL] = "the reply to MAIL",
        [SMTP_STEP_RCPT] = "the reply to RCPT",
        [SMTP_STEP_DATA] = "the reply to DATA",
        [SMTP_STEP_END] = "the reply to the end of the message",
    };
    const struct smtp_client_times *times = smtp_channel_times(ch);
    ch->t.step = step;
    if (ch->t.is_streaming)
        smtp_link_expect(ch->link, "the server to take the message", times->block_ms);
    else // once it has the message, a server may keep every reply back until it is done with it
        smtp_link_expect(ch->link, what[step], ch->t.is_whole ? times->end_ms : times->reply_ms);
}

// One command alone, of those that wait for each other's replies.
static void say_step(struct transport_channel *ch, enum smtp_step step) {
    struct buf b;
    buf_init(&b, COMMANDS_MAX);
    if (step == SMTP_STEP_RSET)
        add(&b, "RSET\r\n");
    else if (step == SMTP_STEP_MAIL)
        add_mail(&b, ch->letter, smtp_link_offers(ch->link));
    else if (step == SMTP_STEP_RCPT)
        add_rcpt(&b, ch->letter, ch->t.rcpt);
    else
        add_body_command(&b, ch);
    write_and_done(ch, &b);
    expect(ch, step);
}

static void go_to(struct transport_channel *ch, enum smtp_step step) {
    if (ch->t.style == SMTP_STYLE_STEPS)
        say_step(ch, step);
    else
        expect(ch, step);
}

// ---- the message ----

static void on_octets(void *arg, struct slice octets);

static void read_more(struct transport_channel *ch) {
    size_t waiting = smtp_link_out_len(ch->link);
    if (ch->t.is_reading || !ch->t.is_streaming)
        return;
    if (waiting >= AHEAD_LOW) {
        smtp_link_ask_drain(ch->link, AHEAD_LOW);
        return;
    }
    ch->t.is_reading = true;
    ch->letter->read(ch->letter, READ_MAX, on_octets, ch);
}

static void write_octets(struct transport_channel *ch, struct slice octets) {
    struct slice out;
    ch->t.n_octets += octets.len;
    if (ch->t.style == SMTP_STYLE_CHUNK) {
        smtp_link_write(ch->link, octets);
        return;
    }
    while (stuffing_next(&ch->t.stuffing, &octets, &out))
        smtp_link_write(ch->link, out);
}

static void end_message(struct transport_channel *ch) {
    ch->t.is_streaming = false;
    ch->t.is_whole = true;
    if (ch->t.style != SMTP_STYLE_CHUNK)
        smtp_link_write(ch->link, stuffing_end(&ch->t.stuffing));
    expect(ch, ch->t.step);
}

// The end is known by the size, so that the final dot leaves together with the last octets.
static void on_octets(void *arg, struct slice octets) {
    struct transport_channel *ch = arg;
    ch->t.is_reading = false;
    if (octets.ptr == NULL || octets.len == 0 || octets.len > ch->letter->size - ch->t.n_octets) {
        smtp_channel_broken(ch, 451, "Local error: the message cannot be read");
        return;
    }
    write_octets(ch, octets);
    if (ch->t.n_octets == ch->letter->size) {
        end_message(ch);
        return;
    }
    expect(ch, ch->t.step);
    read_more(ch);
}

// `step` is due while the message leaves.
static void start_message(struct transport_channel *ch, enum smtp_step step) {
    ch->t.is_streaming = true;
    expect(ch, step);
    if (ch->letter->size > 0)
        read_more(ch);
    else
        end_message(ch);
}

void smtp_sending_on_drain(struct transport_channel *ch) {
    if (ch->letter == NULL || !ch->t.is_streaming)
        return;
    expect(ch, ch->t.step);
    read_more(ch);
}

bool smtp_sending_may_be_taken(const struct transport_channel *ch) {
    if (!ch->t.is_whole || ch->t.is_refused)
        return false;
    return ch->t.n_accepted > 0 || ch->t.step < SMTP_STEP_DATA; // recipients may still be accepted
}

void smtp_sending_stop(struct transport_channel *ch) {
    if (ch->t.is_reading)
        ch->letter->read_cancel(ch->letter);
    ch->t.is_reading = ch->t.is_streaming = false;
}

// ---- replies ----

// `is_good`: the server holds nothing of this transaction any more.
static void finish(struct transport_channel *ch, bool is_good) {
    bool is_clean = !ch->t.is_streaming;
    if (ch->t.is_refused)
        give_rest(ch->letter, &ch->t.mail_reply);
    ch->is_dirty = !is_good;
    smtp_channel_answered(ch, is_clean);
}

static void nonsense(struct transport_channel *ch) {
    smtp_channel_broken(ch, 451, "I/O error: the server's reply makes no sense here");
}

static void after_rcpts(struct transport_channel *ch) {
    if (ch->t.style == SMTP_STYLE_CHUNK)
        expect(ch, SMTP_STEP_END);
    else if (ch->t.style == SMTP_STYLE_GROUPED || ch->t.n_accepted > 0)
        go_to(ch, SMTP_STEP_DATA);
    else
        finish(ch, false);
}

static void next_rcpt(struct transport_channel *ch, size_t from) {
    ch->t.rcpt = next_in_race(ch->letter, from);
    if (ch->t.rcpt < ch->letter->n_recipients)
        go_to(ch, SMTP_STEP_RCPT);
    else
        after_rcpts(ch);
}

static void on_rset(struct transport_channel *ch, const struct smtp_reply *r) {
    if (r->code / 100 == 2)
        go_to(ch, SMTP_STEP_MAIL);
    else
        nonsense(ch);
}

static void on_mail(struct transport_channel *ch, const struct smtp_reply *r) {
    if (r->code / 100 == 3) {
        nonsense(ch);
        return;
    }
    ch->t.is_refused = r->code >= 400;
    smtp_reply_write(r, &ch->t.mail_reply);
    if (ch->t.is_refused && ch->t.style == SMTP_STYLE_STEPS)
        finish(ch, false);
    else
        next_rcpt(ch, 0);
}

static void on_rcpt(struct transport_channel *ch, const struct smtp_reply *r) {
    if (r->code / 100 == 3) {
        nonsense(ch);
        return;
    }
    if (ch->t.is_refused)
        ; // the reply to MAIL says why
    else if (r->code >= 400)
        smtp_reply_write(r, &ch->letter->replies[ch->t.rcpt]);
    else
        ch->t.n_accepted++;
    next_rcpt(ch, ch->t.rcpt + 1);
}

// RFC 2920 3.1: a server that took no recipient may still say 354; then an empty message ends it, whatever comes of it.
static void on_data(struct transport_channel *ch, const struct smtp_reply *r) {
    struct transport_reply said;
    smtp_reply_write(r, &said);
    if (r->code / 100 == 3) {
        if (ch->t.n_accepted > 0) {
            start_message(ch, SMTP_STEP_END);
            return;
        }
        smtp_link_write(ch->link, SLICE(".\r\n"));
        ch->t.is_whole = true;
        expect(ch, SMTP_STEP_END);
    } else if (r->code >= 400) {
        if (ch->t.n_accepted > 0)
            give_rest(ch->letter, &said);
        finish(ch, false);
    } else {
        nonsense(ch);
    }
}

// Before the message has left it can only be a refusal; nothing more is sent on this link then.
static void on_end(struct transport_channel *ch, const struct smtp_reply *r) {
    struct transport_reply said;
    bool is_good = r->code / 100 == 2;
    smtp_reply_write(r, &said);
    if (ch->t.n_accepted == 0) {
        finish(ch, false);
    } else if (r->code / 100 == 3 || (is_good && ch->t.is_streaming)) {
        nonsense(ch);
    } else {
        give_rest(ch->letter, &said);
        finish(ch, is_good);
    }
}

void smtp_sending_on_reply(struct transport_channel *ch, const struct smtp_reply *reply) {
    switch (ch->t.step) {
    case SMTP_STEP_RSET:
        on_rset(ch, reply);
        break;
    case SMTP_STEP_MAIL:
        on_mail(ch, reply);
        break;
    case SMTP_STEP_RCPT:
        on_rcpt(ch, reply);
        break;
    case SMTP_STEP_DATA:
        on_data(ch, reply);
        break;
    case SMTP_STEP_END:
        on_end(ch, reply);
        break;
    }
}

// ---- the beginning ----

static enum smtp_style choose_style(const struct transport_letter *l, const struct smtp_offers *o) {
    if (!o->pipelining)
        return SMTP_STYLE_STEPS;
    return o->chunking && l->size > 0 && l->size <= CHUNK_MAX ? SMTP_STYLE_CHUNK : SMTP_STYLE_GROUPED;
}

static void say_all(struct transport_channel *ch) {
    const struct transport_letter *l = ch->letter;
    struct buf b;
    buf_init(&b, COMMANDS_MAX);
    if (ch->is_dirty)
        add(&b, "RSET\r\n");
    add_mail(&b, l, smtp_link_offers(ch->link));
    for (size_t i = next_in_race(l, 0); i < l->n_recipients; i = next_in_race(l, i + 1))
        add_rcpt(&b, l, i);
    add_body_command(&b, ch);
    write_and_done(ch, &b);
}

bool smtp_sending_start(struct transport_channel *ch) {
    const struct smtp_offers *o = smtp_link_offers(ch->link);
    enum smtp_step first = ch->is_dirty ? SMTP_STEP_RSET : SMTP_STEP_MAIL;
    ch->t = (struct smtp_sending){.style = choose_style(ch->letter, o)};
    refuse_unsayable(ch->letter, o);
    if (next_in_race(ch->letter, 0) == ch->letter->n_recipients)
        return false;
    if (ch->t.style == SMTP_STYLE_STEPS) {
        say_step(ch, first);
        return true;
    }
    say_all(ch);
    if (ch->t.style == SMTP_STYLE_CHUNK)
        start_message(ch, first);
    else
        expect(ch, first);
    return true;
}
