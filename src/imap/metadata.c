// SPDX-License-Identifier: MIT
#include "imap/metadata.h"

#include "imap/mailbox_name.h"

// Which entry a name means; entries belong to INBOX or to the server ("").
static enum imap_metadata_entry find_entry(struct slice mailbox, struct slice name) {
    static const struct {
        struct slice name;
        bool inbox;
        enum imap_metadata_entry entry;
    } entries[] = {
        {{"/private/devicetoken", 20}, true, IMAP_METADATA_DEVICETOKEN},
        {{"/shared/vendor/deltachat/irohrelay", 34}, false, IMAP_METADATA_IROHRELAY},
        {{"/shared/vendor/deltachat/turn", 29}, false, IMAP_METADATA_TURN},
        {{"/shared/vendor/deltachat/appversions", 36}, false, IMAP_METADATA_APPVERSIONS},
        {{"/shared/vendor/deltachat/maxsmtprecipients", 42}, false, IMAP_METADATA_MAXSMTPRECIPIENTS},
        {{"/shared/admin", 13}, false, IMAP_METADATA_ADMIN},
    };
    for (size_t i = 0; i < ARRAY_LEN(entries); i++) {
        bool right_mailbox = entries[i].inbox ? imap_mailbox_is_inbox(mailbox) : mailbox.len == 0;
        if (right_mailbox && slice_eq_ci(name, entries[i].name))
            return entries[i].entry;
    }
    return IMAP_METADATA_UNKNOWN;
}

static bool parse_entry_name(struct imap_parser *p, struct imap_metadata *m) {
    if (m->n == IMAP_METADATA_ITEMS_MAX)
        return imap_parse_fail(p, "Too many entries");
    struct imap_metadata_item *item = &m->items[m->n++];
    if (!imap_parse_astring(p, &item->name))
        return false;
    if (item->name.len == 0 || item->name.ptr[0] != '/')
        return imap_parse_fail(p, "Invalid entry name");
    item->entry = find_entry(m->mailbox, item->name);
    return true;
}

// One answer to an entry is enough, however often it is asked for in a command: values can be long.
static void drop_repeated(struct imap_metadata *m) {
    enum imap_metadata_entry last = m->items[m->n - 1].entry;
    if (last == IMAP_METADATA_UNKNOWN)
        return;
    for (size_t i = 0; i + 1 < m->n; i++) {
        if (m->items[i].entry == last) {
            m->n--;
            return;
        }
    }
}

// "(MAXSIZE 1024 DEPTH infinity)": taken and not used. Neither limits what these few short entries can say.
static bool parse_options(struct imap_parser *p) {
    bool first = true;
    struct slice word;
    if (!imap_parse_char(p, '('))
        return false;
    while (imap_parse_list_more(p, &first))
        if (!imap_parse_atom(p, &word))
            return false;
    return p->error == NULL && imap_parse_sp(p);
}

// "(" followed by an entry begins the entries, not options.
static bool options_follow(const struct imap_parser *p) {
    size_t i = p->pos;
    if (i >= p->text.len || p->text.ptr[i] != '(')
        return false;
    i++;
    while (i < p->text.len && p->text.ptr[i] == ' ')
        i++;
    return i < p->text.len && ascii_is_alpha(p->text.ptr[i]);
}

static bool parse_mailbox(struct imap_parser *p, struct imap_metadata *m) {
    return imap_parse_sp(p) && (!options_follow(p) || parse_options(p)) && imap_parse_astring(p, &m->mailbox) &&
           imap_parse_sp(p);
}

bool imap_metadata_parse_get(struct imap_parser *p, struct imap_metadata *ret) {
    ret->n = 0;
    if (!parse_mailbox(p, ret) || (options_follow(p) && !parse_options(p)))
        return false;
    if (!imap_parse_skip(p, '('))
        return parse_entry_name(p, ret) && imap_parse_end(p);
    bool first = true;
    while (imap_parse_list_more(p, &first)) {
        if (!parse_entry_name(p, ret))
            return false;
        drop_repeated(ret);
    }
    return p->error == NULL && (ret->n > 0 || imap_parse_fail(p, "Empty list of entries")) && imap_parse_end(p);
}

// value = nstring; an atom is accepted too.
static bool parse_value(struct imap_parser *p, struct imap_metadata_item *item) {
    item->nil = imap_parse_skip_word(p, SLICE("NIL"));
    item->value = SLICE_EMPTY;
    return item->nil || imap_parse_astring(p, &item->value);
}

bool imap_metadata_parse_set(struct imap_parser *p, struct imap_metadata *ret) {
    ret->n = 0;
    if (!parse_mailbox(p, ret) || !imap_parse_char(p, '('))
        return false;
    bool first = true;
    while (imap_parse_list_more(p, &first))
        if (!parse_entry_name(p, ret) || !imap_parse_sp(p) || !parse_value(p, &ret->items[ret->n - 1]))
            return false;
    return p->error == NULL && (ret->n > 0 || imap_parse_fail(p, "Empty list of entries")) && imap_parse_end(p);
}
