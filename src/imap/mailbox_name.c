// SPDX-License-Identifier: MIT
#include "imap/mailbox_name.h"

#include "store/mailbox_ops.h"

bool imap_mailbox_is_inbox(struct slice name) {
    return slice_eq_ci(name, SLICE("INBOX"));
}

bool imap_parse_mailbox(struct imap_parser *p, struct slice *ret) {
    if (!imap_parse_sp(p) || !imap_parse_astring(p, ret))
        return false;
    if (imap_mailbox_is_inbox(*ret))
        *ret = SLICE("INBOX");
    return true;
}

bool imap_mailbox_name_is_valid(struct slice name) {
    if (name.len == 0 || name.len > STORE_MAILBOX_NAME_MAX || name.ptr[0] == '/' || name.ptr[name.len - 1] == '/')
        return false;
    for (size_t i = 0; i < name.len; i++) {
        unsigned char c = (unsigned char)name.ptr[i]; // a plain char has no sign on arm64
        if (c < ' ' || c >= 0x7f || c == '%' || c == '*' || c == '"' || c == '\\')
            return false;
        if (c == '/' && name.ptr[i + 1] == '/')
            return false;
    }
    return true;
}

// Back-tracks to the latest "*" or, within a level, to the latest "%": linear for one wildcard, never exponential.
bool imap_mailbox_matches(struct slice name, struct slice pattern) {
    bool inbox = imap_mailbox_is_inbox(name);
    size_t n = 0, p = 0;
    size_t star_p = SIZE_MAX, star_n = 0, percent_p = SIZE_MAX, percent_n = 0;
    while (n < name.len || p < pattern.len) {
        char c = p < pattern.len ? pattern.ptr[p] : '\0';
        if (p < pattern.len && c == '*') {
            star_p = ++p;
            star_n = n;
            percent_p = SIZE_MAX;
            continue;
        }
        if (p < pattern.len && c == '%') {
            percent_p = ++p;
            percent_n = n;
            continue;
        }
        if (n < name.len && p < pattern.len &&
            (name.ptr[n] == c || (inbox && ascii_lower(name.ptr[n]) == ascii_lower(c)))) {
            n++;
            p++;
            continue;
        }
        if (percent_p != SIZE_MAX && percent_n < name.len && name.ptr[percent_n] != '/') {
            n = ++percent_n;
            p = percent_p;
        } else if (star_p != SIZE_MAX && star_n < name.len) {
            n = ++star_n;
            p = star_p;
            percent_p = SIZE_MAX;
        } else {
            return false;
        }
    }
    return true;
}

const char *imap_mailbox_special_use(struct slice name) {
    static const struct {
        struct slice name;
        const char *attribute;
    } uses[] = {
        {{"Drafts", 6}, "\\Drafts"}, {{"Junk", 4}, "\\Junk"},           {{"Trash", 5}, "\\Trash"},
        {{"Sent", 4}, "\\Sent"},     {{"Sent Messages", 13}, "\\Sent"},
    };
    for (size_t i = 0; i < ARRAY_LEN(uses); i++)
        if (slice_eq(name, uses[i].name))
            return uses[i].attribute;
    return NULL;
}
