// SPDX-License-Identifier: MIT
#include "net/dns_name.h"

#include <stdio.h>
#include <string.h>

enum { LABEL_MAX = 63, KIND_MASK = 0xc0, KIND_POINTER = 0xc0 };

static uint8_t octet_at(struct slice s, size_t i) {
    return (uint8_t)s.ptr[i];
}

// A pointer must lead before the part of the name that it ends; so each part lies before the one that led there, and
// the walk is finite.
static bool read_name(struct slice packet, size_t *pos, bool may_point, struct dns_wire_name *ret) {
    struct dns_wire_name name = {.len = 0};
    size_t at = *pos, part = *pos, end = 0;
    for (;;) {
        if (at >= packet.len)
            return false;
        uint8_t len = octet_at(packet, at);
        if ((len & KIND_MASK) == KIND_POINTER) {
            if (!may_point || at + 2 > packet.len)
                return false;
            size_t target = (size_t)(len & ~KIND_MASK) << 8 | octet_at(packet, at + 1);
            if (target >= part)
                return false;
            end = end == 0 ? at + 2 : end;
            at = part = target;
            continue;
        }
        if (len > LABEL_MAX || at + 1 + len > packet.len || name.len + 1 + len > sizeof(name.octets))
            return false;
        memcpy(name.octets + name.len, packet.ptr + at, (size_t)len + 1);
        name.len += (size_t)len + 1;
        at += (size_t)len + 1;
        if (len == 0)
            break;
    }
    *pos = end == 0 ? at : end;
    *ret = name;
    return true;
}

bool dns_wire_name_read(struct slice packet, size_t *pos, struct dns_wire_name *ret) {
    return read_name(packet, pos, true, ret);
}

bool dns_wire_name_read_plain(struct slice rdata, size_t *pos, struct dns_wire_name *ret) {
    return read_name(rdata, pos, false, ret);
}

// Lengths of labels are below the letters, so the whole can be compared at once.
bool dns_wire_name_eq(const struct dns_wire_name *a, const struct dns_wire_name *b) {
    return slice_eq_ci(slice_make((const char *)a->octets, a->len), slice_make((const char *)b->octets, b->len));
}

static bool is_plain_octet(char c) {
    return ascii_is_alnum(c) || c == '-' || c == '_';
}

bool dns_wire_name_to_text(const struct dns_wire_name *name, struct dns_name *ret) {
    char text[4 * DNS_WIRE_NAME_MAX];
    size_t len = 0;
    for (size_t at = 0; name->octets[at] != 0; at += (size_t)name->octets[at] + 1) {
        if (len > 0)
            text[len++] = '.';
        for (size_t i = at + 1; i <= at + name->octets[at]; i++) {
            char c = (char)name->octets[i];
            if (is_plain_octet(c))
                text[len++] = ascii_lower(c);
            else
                len += (size_t)snprintf(text + len, sizeof(text) - len, "\\%03u", name->octets[i]);
        }
    }
    if (len >= sizeof(ret->text))
        return false;
    memcpy(ret->text, text, len);
    ret->text[len] = '\0';
    return true;
}

static bool is_plain_label(struct slice label) {
    if (label.len == 0 || label.len > LABEL_MAX)
        return false;
    for (size_t i = 0; i < label.len; i++)
        if (!is_plain_octet(label.ptr[i]))
            return false;
    return true;
}

static bool is_all_digits(struct slice s) {
    for (size_t i = 0; i < s.len; i++)
        if (!ascii_is_digit(s.ptr[i]))
            return false;
    return true;
}

static struct slice without_last_dot(struct slice name) {
    return slice_ends_with(name, SLICE(".")) ? slice_sub(name, 0, name.len - 1) : name;
}

bool dns_name_is_plain(struct slice name) {
    name = without_last_dot(name);
    if (name.len >= DNS_NAME_SIZE)
        return false;
    struct slice label, rest = name;
    bool more;
    do {
        more = slice_cut(rest, '.', &label, &rest);
        if (!is_plain_label(label))
            return false;
    } while (more);
    return !is_all_digits(label) && !slice_eq_ci(label, SLICE("localhost"));
}

void dns_wire_name_from_plain(struct slice text, struct dns_wire_name *ret) {
    ret->len = 0;
    struct slice label, rest = without_last_dot(text);
    bool more;
    do {
        more = slice_cut(rest, '.', &label, &rest);
        ASSERT(label.len > 0 && label.len <= LABEL_MAX && ret->len + label.len + 2 <= sizeof(ret->octets));
        ret->octets[ret->len++] = (uint8_t)label.len;
        memcpy(ret->octets + ret->len, label.ptr, label.len);
        ret->len += label.len;
    } while (more);
    ret->octets[ret->len++] = 0;
}
