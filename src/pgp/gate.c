// SPDX-License-Identifier: MIT
// The encryption gate. It drives the MIME walk and judges each part as it passes: version part, armor, the one text
// part of securejoin. It owns the walk and keeps no content but the first octets of a leaf.
//
// "Encrypted" and "securejoin" must be proven, everything else falls to clear text. So whatever readers could see
// differently (preamble, epilogue, stray encodings, lines that look like a delimiter) only ever takes the proof away.
#include "pgp/gate.h"

#include "base/mem.h"
#include "base/panic.h"
#include "mail/address.h"
#include "mail/header.h"
#include "mail/mime.h"
#include "mail/transfer.h"
#include "pgp/armor.h"

// What is kept of a leaf body: more than the longest text that is ever compared.
enum { TEXT_KEPT_MAX = 40, DECODE_SIZE = 2048 };

enum leaf_role { LEAF_IGNORED, LEAF_TEXT, LEAF_ARMOR };

// A decoded body without the blanks before it, as far as it can matter.
struct kept_text {
    char octets[TEXT_KEPT_MAX];
    size_t len;
    bool too_long; // something that is not blank did not fit
};

struct gate {
    struct mime_walk *walk;
    enum gate_direction direction;
    const char *reason; // of GATE_MALFORMED

    // Of the message's own header.
    bool is_multipart, is_encrypted_type, is_mixed_type, is_report_type;
    bool has_secure_join, is_setup_subject, is_mailer_daemon;

    // Of its structure.
    unsigned n_leaves; // below the top
    bool nested;       // a multipart below the top
    bool stray;        // text in preamble or epilogue
    bool odd;          // a multipart with a transfer encoding
    bool closed;       // the top's closing delimiter was there

    // The leaf at hand.
    enum leaf_role role;
    bool leaf_failed;
    struct transfer_decoder transfer;
    struct kept_text text;
    struct armor_decoder armor;

    bool version_ok, armor_ok, secure_join_ok; // what the leaves have proven
};

struct gate *gate_new(enum gate_direction direction) {
    struct gate *g = MEM_NEW(struct gate);
    g->walk = mime_walk_new();
    g->direction = direction;
    return g;
}

void gate_free(struct gate *g) {
    if (g == NULL)
        return;
    mime_walk_free(g->walk);
    free(g);
}

const char *gate_reason(const struct gate *g) {
    return g->reason != NULL ? g->reason : "";
}

static bool is_blank(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void keep_text(struct kept_text *t, struct slice s) {
    for (size_t i = 0; i < s.len && !t->too_long; i++) {
        if (t->len == 0 && is_blank(s.ptr[i]))
            continue;
        if (t->len < TEXT_KEPT_MAX)
            t->octets[t->len++] = s.ptr[i];
        else
            t->too_long = !is_blank(s.ptr[i]);
    }
}

static bool text_is(const struct kept_text *t, struct slice want) {
    return !t->too_long && slice_eq(slice_trim(slice_make(t->octets, t->len)), want);
}

static bool text_is_ci(const struct kept_text *t, struct slice want) {
    return !t->too_long && slice_eq_ci(slice_trim(slice_make(t->octets, t->len)), want);
}

static bool is_secure_join_request(struct slice value) {
    return slice_eq(value, SLICE("vc-request")) || slice_eq(value, SLICE("vg-request"));
}

static bool from_mailer_daemon(struct slice header) {
    struct slice from;
    struct address a;
    return header_find(header, SLICE("From"), &from) && address_first_of_header(from, &a) &&
           slice_eq_ci(a.local, SLICE("mailer-daemon"));
}

// The subject must be the only one: with two, readers could show either.
static bool has_setup_subject(struct slice header) {
    struct header_field field;
    unsigned n = 0;
    bool same = false;
    while (header_next(&header, &field) == HEADER_FIELD) {
        if (slice_eq_ci(field.name, SLICE("Subject"))) {
            n++;
            same = slice_eq(slice_trim(field.value), SLICE("Autocrypt Setup Message"));
        }
    }
    return n == 1 && same;
}

static void on_top(struct gate *g, const struct mime_item *item) {
    struct slice value;
    g->is_multipart = item->is_multipart;
    g->is_encrypted_type = content_type_is(&item->type, SLICE("multipart"), SLICE("encrypted"));
    g->is_mixed_type = content_type_is(&item->type, SLICE("multipart"), SLICE("mixed"));
    g->is_report_type = content_type_is(&item->type, SLICE("multipart"), SLICE("report"));
    g->has_secure_join = header_find(item->header, SLICE("Secure-Join"), &value) && is_secure_join_request(value);
    g->is_setup_subject = has_setup_subject(item->header);
    g->is_mailer_daemon =
        header_find(item->header, SLICE("Auto-Submitted"), &value) && value.len > 0 && from_mailer_daemon(item->header);
}

// Which proof the leaf that begins could give.
static enum leaf_role role_of(const struct gate *g, const struct mime_item *item) {
    const struct content_type *type = &item->type;
    if (item->depth != 1 || g->nested)
        return LEAF_IGNORED;
    if (g->is_encrypted_type && g->n_leaves == 1 && content_type_is(type, SLICE("application"), SLICE("pgp-encrypted")))
        return LEAF_TEXT;
    if (g->is_encrypted_type && g->n_leaves == 2 && content_type_is(type, SLICE("application"), SLICE("octet-stream")))
        return LEAF_ARMOR;
    if (g->has_secure_join && g->n_leaves == 1 && content_type_is(type, SLICE("text"), SLICE("plain")))
        return LEAF_TEXT;
    return LEAF_IGNORED;
}

static void on_part(struct gate *g, const struct mime_item *item) {
    if (item->depth == 0)
        on_top(g, item);
    if (item->is_multipart) {
        // RFC 2045 6.4 forbids it, and some readers would decode.
        g->odd = g->odd || item->encoding != TRANSFER_IDENTITY;
        g->nested = g->nested || item->depth > 0;
        return;
    }
    if (item->depth > 0 && g->n_leaves < 3)
        g->n_leaves++;
    g->role = role_of(g, item);
    g->leaf_failed = false;
    transfer_init(&g->transfer, item->encoding);
    g->text = (struct kept_text){.len = 0};
    g->armor = (struct armor_decoder){.skip_version = g->direction == GATE_INBOUND};
}

static void on_decoded(struct gate *g, struct slice octets) {
    if (g->role == LEAF_TEXT)
        keep_text(&g->text, octets);
    else if (!armor_feed(&g->armor, octets))
        g->leaf_failed = true;
}

static void on_body(struct gate *g, struct slice octets) {
    if (g->role == LEAF_IGNORED || g->leaf_failed)
        return;
    if (g->transfer.encoding == TRANSFER_IDENTITY) {
        on_decoded(g, octets);
        return;
    }
    char out[DECODE_SIZE];
    while (octets.len > 0 && !g->leaf_failed) {
        size_t len;
        if (transfer_decode(&g->transfer, &octets, out, sizeof(out), &len))
            on_decoded(g, slice_make(out, len));
        else
            g->leaf_failed = true;
    }
}

static void on_leaf_end(struct gate *g) {
    if (g->role == LEAF_IGNORED || g->leaf_failed || !transfer_finish(&g->transfer))
        return;
    if (g->role == LEAF_ARMOR) {
        g->armor_ok = armor_finish(&g->armor);
    } else if (g->is_encrypted_type && text_is(&g->text, SLICE("Version: 1"))) {
        g->version_ok = true;
    } else if (text_is_ci(&g->text, SLICE("secure-join: vc-request")) ||
               text_is_ci(&g->text, SLICE("secure-join: vg-request"))) {
        g->secure_join_ok = true;
    }
}

static void on_stray(struct gate *g, struct slice octets) {
    for (size_t i = 0; i < octets.len && !g->stray; i++)
        g->stray = octets.ptr[i] != '\r' && octets.ptr[i] != '\n';
}

// Walks until the input is used up, or with `last` to the end.
static void walk(struct gate *g, struct slice octets, bool last) {
    for (;;) {
        struct mime_item item;
        switch (mime_walk_next(g->walk, &octets, last, &item)) {
        case MIME_PART:
            on_part(g, &item);
            break;
        case MIME_BODY:
            on_body(g, item.octets);
            break;
        case MIME_STRAY:
            on_stray(g, item.octets);
            break;
        case MIME_END:
            if (!item.is_multipart)
                on_leaf_end(g);
            else if (item.depth == 0)
                g->closed = item.closed;
            break;
        case MIME_BAD:
            g->reason = mime_walk_reason(g->walk);
            return;
        case MIME_MORE:
        case MIME_DONE:
            return;
        }
    }
}

void gate_feed(struct gate *g, struct slice octets) {
    if (octets.len > 0 && g->reason == NULL)
        walk(g, octets, false);
}

enum gate_kind gate_finish(struct gate *g) {
    if (g->reason == NULL)
        walk(g, SLICE_EMPTY, true);
    if (g->reason != NULL)
        return GATE_MALFORMED;
    if (g->is_encrypted_type && !g->closed) {
        g->reason = "multipart/encrypted is not closed";
        return GATE_MALFORMED;
    }
    bool exact = g->closed && !g->nested && !g->stray && !g->odd && !mime_walk_is_ambiguous(g->walk);
    if (exact && g->is_encrypted_type && g->n_leaves == 2 && g->version_ok && g->armor_ok)
        return GATE_ENCRYPTED;
    if (exact && g->is_multipart && g->has_secure_join && g->n_leaves == 1 && g->secure_join_ok)
        return GATE_SECUREJOIN;
    if (g->is_mixed_type && g->is_setup_subject)
        return GATE_SETUP_MESSAGE;
    if (g->direction == GATE_INBOUND && g->is_report_type && g->is_mailer_daemon)
        return GATE_MAILER_DAEMON;
    return GATE_CLEAR;
}
