// SPDX-License-Identifier: MIT
#include "imap/fetch_items.h"

#include <string.h>

#include "mail/header.h"
#include "store/message_ops.h"

// ---- parsing ----

static bool add(struct imap_parser *p, struct imap_fetch *f, struct imap_fetch_item item) {
    // The same again says nothing new.
    if (item.kind != IMAP_FETCH_SECTION)
        for (size_t i = 0; i < f->n; i++)
            if (f->items[i].kind == item.kind)
                return true;
    if (f->n == IMAP_FETCH_ITEMS_MAX)
        return imap_parse_fail(p, "Too many fetch items");
    f->items[f->n++] = item;
    if (item.kind == IMAP_FETCH_ENVELOPE)
        f->want |= STORE_FETCH_HEADER;
    if (item.kind == IMAP_FETCH_SECTION && item.section != IMAP_SECTION_ALL)
        f->want |= STORE_FETCH_HEADER;
    if (item.kind == IMAP_FETCH_SECTION && (item.section == IMAP_SECTION_ALL || item.section == IMAP_SECTION_TEXT))
        f->want |= STORE_FETCH_BODY;
    return true;
}

static bool parse_field_names(struct imap_parser *p, struct imap_fetch *f, struct imap_fetch_item *item) {
    if (!imap_parse_sp(p) || !imap_parse_char(p, '('))
        return false;
    struct slice names[IMAP_FIELD_NAMES_MAX];
    bool first = true;
    while (imap_parse_list_more(p, &first)) {
        if (f->n_names == IMAP_FIELD_NAMES_MAX)
            return imap_parse_fail(p, "Too many field names");
        f->n_names++;
        struct slice *name = &names[item->n_names++];
        if (!imap_parse_astring(p, name) || name->len == 0 || memchr(name->ptr, '\n', name->len) != NULL)
            return imap_parse_fail(p, "Invalid field name");
    }
    if (p->error != NULL || item->n_names == 0)
        return imap_parse_fail(p, "Invalid list of field names");
    item->names = arena_alloc(p->arena, item->n_names * sizeof(*names));
    if (item->names == NULL)
        return imap_parse_fail(p, "Command too large");
    memcpy(item->names, names, item->n_names * sizeof(*names));
    return true;
}

// What stands between "BODY[" and "]".
static bool parse_section(struct imap_parser *p, struct imap_fetch *f, struct imap_fetch_item *item) {
    if (imap_parse_peek(p) == ']')
        item->section = IMAP_SECTION_ALL;
    else if (imap_parse_skip_word(p, SLICE("HEADER.FIELDS.NOT")))
        item->section = IMAP_SECTION_FIELDS_NOT;
    else if (imap_parse_skip_word(p, SLICE("HEADER.FIELDS")))
        item->section = IMAP_SECTION_FIELDS;
    else if (imap_parse_skip_word(p, SLICE("HEADER")))
        item->section = IMAP_SECTION_HEADER;
    else if (imap_parse_skip_word(p, SLICE("TEXT")))
        item->section = IMAP_SECTION_TEXT;
    else
        return imap_parse_fail(p, "Sections of MIME parts are not served");
    if ((item->section == IMAP_SECTION_FIELDS || item->section == IMAP_SECTION_FIELDS_NOT) &&
        !parse_field_names(p, f, item))
        return false;
    return imap_parse_char(p, ']');
}

// "<" number "." nz-number ">"
static bool parse_partial(struct imap_parser *p, struct imap_fetch_item *item) {
    if (!imap_parse_skip(p, '<'))
        return true;
    item->partial = true;
    return imap_parse_number(p, &item->offset) && imap_parse_char(p, '.') && imap_parse_number(p, &item->len) &&
           (item->len > 0 || imap_parse_fail(p, "Empty partial fetch")) && imap_parse_char(p, '>');
}

static bool parse_body(struct imap_parser *p, struct imap_fetch *f, bool peek) {
    struct imap_fetch_item item = {.kind = IMAP_FETCH_SECTION};
    if (!imap_parse_skip(p, '['))
        return imap_parse_fail(p, "BODY without a section is not served");
    if (!parse_section(p, f, &item) || !parse_partial(p, &item))
        return false;
    f->sets_seen |= !peek;
    return add(p, f, item);
}

static const struct {
    struct slice name;
    struct imap_fetch_item item;
    bool sets_seen;
} simple_items[] = {
    {{"FLAGS", 5}, {.kind = IMAP_FETCH_FLAGS}, false},
    {{"UID", 3}, {.kind = IMAP_FETCH_UID}, false},
    {{"INTERNALDATE", 12}, {.kind = IMAP_FETCH_DATE}, false},
    {{"ENVELOPE", 8}, {.kind = IMAP_FETCH_ENVELOPE}, false},
    {{"RFC822.SIZE", 11}, {.kind = IMAP_FETCH_SIZE}, false},
    {{"RFC822.HEADER", 13},
     {.kind = IMAP_FETCH_SECTION, .section = IMAP_SECTION_HEADER, .label = {"RFC822.HEADER", 13}},
     false},
    {{"RFC822.TEXT", 11},
     {.kind = IMAP_FETCH_SECTION, .section = IMAP_SECTION_TEXT, .label = {"RFC822.TEXT", 11}},
     true},
    {{"RFC822", 6}, {.kind = IMAP_FETCH_SECTION, .section = IMAP_SECTION_ALL, .label = {"RFC822", 6}}, true},
};

static bool parse_item(struct imap_parser *p, struct imap_fetch *f) {
    if (imap_parse_skip_word(p, SLICE("BODY.PEEK")))
        return parse_body(p, f, true);
    if (imap_parse_skip_word(p, SLICE("BODYSTRUCTURE")))
        return imap_parse_fail(p, "BODYSTRUCTURE is not served");
    if (imap_parse_skip_word(p, SLICE("BODY")))
        return parse_body(p, f, false);
    // Longer names stand before their beginnings, because "." ends a word.
    for (size_t i = 0; i < ARRAY_LEN(simple_items); i++) {
        if (imap_parse_skip_word(p, simple_items[i].name)) {
            f->sets_seen |= simple_items[i].sets_seen;
            return add(p, f, simple_items[i].item);
        }
    }
    return imap_parse_fail(p, "Unknown fetch item");
}

static bool add_macro(struct imap_parser *p, struct imap_fetch *f, bool envelope) {
    return add(p, f, (struct imap_fetch_item){.kind = IMAP_FETCH_FLAGS}) &&
           add(p, f, (struct imap_fetch_item){.kind = IMAP_FETCH_DATE}) &&
           add(p, f, (struct imap_fetch_item){.kind = IMAP_FETCH_SIZE}) &&
           (!envelope || add(p, f, (struct imap_fetch_item){.kind = IMAP_FETCH_ENVELOPE}));
}

bool imap_fetch_parse(struct imap_parser *p, bool uid, struct imap_fetch *ret) {
    *ret = (struct imap_fetch){0};
    if (uid && !add(p, ret, (struct imap_fetch_item){.kind = IMAP_FETCH_UID}))
        return false;
    if (imap_parse_skip_word(p, SLICE("ALL")))
        return add_macro(p, ret, true);
    if (imap_parse_skip_word(p, SLICE("FAST")))
        return add_macro(p, ret, false);
    if (imap_parse_skip_word(p, SLICE("FULL")))
        return imap_parse_fail(p, "FULL is not served, because BODY is not");
    if (!imap_parse_skip(p, '('))
        return parse_item(p, ret);
    bool first = true;
    while (imap_parse_list_more(p, &first))
        if (!parse_item(p, ret))
            return false;
    return p->error == NULL && (!first || imap_parse_fail(p, "Empty list of fetch items"));
}

// ---- replying ----

static bool write_name(struct slice name, struct buf *out) {
    bool atom = true;
    for (size_t i = 0; i < name.len; i++)
        atom = atom && imap_is_atom_char(name.ptr[i]);
    if (atom)
        return buf_append_slice(out, name);
    bool ok = buf_append(out, "\"", 1);
    for (size_t i = 0; i < name.len && ok; i++) {
        if (name.ptr[i] == '"' || name.ptr[i] == '\\')
            ok = buf_append(out, "\\", 1);
        ok = ok && buf_append(out, &name.ptr[i], 1);
    }
    return ok && buf_append(out, "\"", 1);
}

bool imap_fetch_write_label(const struct imap_fetch_item *item, struct buf *out) {
    static const char *const sections[] = {
        [IMAP_SECTION_ALL] = "BODY[",
        [IMAP_SECTION_HEADER] = "BODY[HEADER",
        [IMAP_SECTION_FIELDS] = "BODY[HEADER.FIELDS (",
        [IMAP_SECTION_FIELDS_NOT] = "BODY[HEADER.FIELDS.NOT (",
        [IMAP_SECTION_TEXT] = "BODY[TEXT",
    };
    if (item->label.len > 0)
        return buf_append_slice(out, item->label);
    if (!buf_append_cstr(out, sections[item->section]))
        return false;
    for (size_t i = 0; i < item->n_names; i++)
        if ((i > 0 && !buf_append(out, " ", 1)) || !write_name(item->names[i], out))
            return false;
    if (!buf_append_cstr(out, item->n_names > 0 ? ")]" : "]"))
        return false;
    return !item->partial || buf_printf(out, "<%u>", item->offset);
}

static void cut_partial(const struct imap_fetch_item *item, uint64_t *offset, uint64_t *len) {
    if (!item->partial)
        return;
    uint64_t skip = item->offset < *len ? item->offset : *len;
    *offset += skip;
    *len -= skip;
    *len = item->len < *len ? item->len : *len;
}

bool imap_fetch_span(const struct imap_fetch_item *item, struct slice data, uint64_t size, struct buf *fields,
                     struct imap_span *ret) {
    size_t header_len = 0;
    if (item->section != IMAP_SECTION_ALL && !header_find_end(data, &header_len))
        header_len = data.len;
    *ret = (struct imap_span){.len = size};
    switch (item->section) {
    case IMAP_SECTION_ALL:
        break;
    case IMAP_SECTION_HEADER:
        ret->len = header_len;
        break;
    case IMAP_SECTION_TEXT:
        ret->offset = header_len;
        ret->len = size - header_len;
        break;
    case IMAP_SECTION_FIELDS:
    case IMAP_SECTION_FIELDS_NOT:
        if (!header_select(slice_sub(data, 0, header_len), item->names, item->n_names,
                           item->section == IMAP_SECTION_FIELDS_NOT, fields))
            return false;
        ret->selected = true;
        ret->len = buf_slice(fields).len;
        break;
    }
    cut_partial(item, &ret->offset, &ret->len);
    return true;
}
