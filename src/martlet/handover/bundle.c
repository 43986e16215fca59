// SPDX-License-Identifier: MIT
// Encoded as a row of fields: one octet of tag, four of length (big endian), the value. Order does not matter, except
// that overrides keep theirs.
#include "martlet/handover/bundle.h"

#include <netinet/in.h>
#include <openssl/crypto.h>
#include <string.h>
#include <sys/socket.h>

#include "base/mem.h"
#include "net/address.h"

enum tag {
    TAG_CONFIG_NAME = 1,
    TAG_CONFIG_TEXT,
    TAG_OVERRIDE,
    TAG_CERT,
    TAG_KEY,
    TAG_LISTENER, // four octets of descriptor, then the name
    TAG_DEV,      // empty
    TAG_PUBLIC,   // empty: the certificate is a public one
    TAG_APP_VERSIONS,
};

struct bundle *bundle_new(void) {
    struct bundle *b = MEM_NEW(struct bundle);
    b->config_name = mem_strndup("", 0);
    b->config_text = mem_strndup("", 0);
    b->cert_pem = mem_strndup("", 0);
    b->key_pem = mem_strndup("", 0);
    b->app_versions = mem_strndup("", 0);
    return b;
}

void bundle_free(struct bundle *b) {
    if (b == NULL)
        return;
    for (size_t i = 0; i < b->n_overrides; i++)
        free(b->overrides[i]);
    free(b->config_name);
    free(b->config_text);
    free(b->cert_pem);
    free(b->app_versions);
    OPENSSL_cleanse(b->key_pem, strlen(b->key_pem));
    free(b->key_pem);
    free(b);
}

void bundle_set(char **field, struct slice s) {
    char *old = *field;
    *field = mem_strndup(s.ptr, s.len);
    OPENSSL_cleanse(old, strlen(old));
    free(old);
}

bool bundle_add_override(struct bundle *b, struct slice s) {
    if (b->n_overrides == BUNDLE_OVERRIDES_MAX)
        return false;
    b->overrides[b->n_overrides++] = mem_strndup(s.ptr, s.len);
    return true;
}

bool bundle_add_listener(struct bundle *b, int fd, struct slice service) {
    if (b->n_listeners == BUNDLE_LISTENERS_MAX || fd < 0 || service.len > BUNDLE_SERVICE_NAME_MAX)
        return false;
    struct bundle_listener *l = &b->listeners[b->n_listeners++];
    l->fd = fd;
    memcpy(l->service, service.ptr, service.len);
    return true;
}

static void put_u32(char *ret, uint32_t v) {
    for (int i = 0; i < 4; i++)
        ret[i] = (char)(v >> (24 - 8 * i));
}

static uint32_t get_u32(const char *p) {
    uint32_t v = 0;
    for (int i = 0; i < 4; i++)
        v = v << 8 | (unsigned char)p[i];
    return v;
}

static bool put_field(struct buf *out, enum tag tag, struct slice value) {
    char head[5] = {(char)tag};
    if (value.len > UINT32_MAX)
        return false;
    put_u32(head + 1, (uint32_t)value.len);
    return buf_append(out, head, sizeof(head)) && buf_append_slice(out, value);
}

static bool put_listener(struct buf *out, const struct bundle_listener *l) {
    char value[4 + BUNDLE_SERVICE_NAME_MAX];
    size_t len = strlen(l->service);
    put_u32(value, (uint32_t)l->fd);
    memcpy(value + 4, l->service, len);
    return put_field(out, TAG_LISTENER, slice_make(value, 4 + len));
}

uint16_t bundle_port(const struct bundle *b, const char *service, uint16_t registered) {
    for (size_t i = 0; i < b->n_listeners; i++) {
        struct sockaddr_storage ss = {0};
        socklen_t len = sizeof(ss);
        if (strcmp(b->listeners[i].service, service) != 0 ||
            getsockname(b->listeners[i].fd, (struct sockaddr *)&ss, &len) != 0)
            continue;
        uint16_t port = net_address_from_sockaddr((struct sockaddr *)&ss).port;
        if (port != 0)
            return port;
    }
    return registered;
}

bool bundle_write(const struct bundle *b, struct buf *ret) {
    bool ok = put_field(ret, TAG_CONFIG_NAME, slice_from_cstr(b->config_name)) &&
              put_field(ret, TAG_CONFIG_TEXT, slice_from_cstr(b->config_text)) &&
              put_field(ret, TAG_CERT, slice_from_cstr(b->cert_pem)) &&
              put_field(ret, TAG_KEY, slice_from_cstr(b->key_pem)) &&
              put_field(ret, TAG_APP_VERSIONS, slice_from_cstr(b->app_versions));
    for (size_t i = 0; ok && i < b->n_overrides; i++)
        ok = put_field(ret, TAG_OVERRIDE, slice_from_cstr(b->overrides[i]));
    for (size_t i = 0; ok && i < b->n_listeners; i++)
        ok = put_listener(ret, &b->listeners[i]);
    return ok && (!b->is_dev || put_field(ret, TAG_DEV, SLICE_EMPTY)) &&
           (!b->has_public_certificate || put_field(ret, TAG_PUBLIC, SLICE_EMPTY));
}

static bool take_field(struct bundle *b, int tag, struct slice value) {
    switch (tag) {
    case TAG_CONFIG_NAME:
        bundle_set(&b->config_name, value);
        return true;
    case TAG_CONFIG_TEXT:
        bundle_set(&b->config_text, value);
        return true;
    case TAG_CERT:
        bundle_set(&b->cert_pem, value);
        return true;
    case TAG_KEY:
        bundle_set(&b->key_pem, value);
        return true;
    case TAG_APP_VERSIONS:
        bundle_set(&b->app_versions, value);
        return true;
    case TAG_OVERRIDE:
        return bundle_add_override(b, value);
    case TAG_LISTENER:
        if (value.len < 4 || get_u32(value.ptr) > INT32_MAX)
            return false;
        return bundle_add_listener(b, (int)get_u32(value.ptr), slice_sub(value, 4, value.len));
    case TAG_DEV:
        b->is_dev = true;
        return value.len == 0;
    case TAG_PUBLIC:
        b->has_public_certificate = true;
        return value.len == 0;
    default:
        return false;
    }
}

struct bundle *bundle_parse(struct slice encoded) {
    struct bundle *b = bundle_new();
    while (encoded.len > 0) {
        uint32_t len = encoded.len >= 5 ? get_u32(encoded.ptr + 1) : 0;
        if (encoded.len < 5 || len > encoded.len - 5)
            goto bad;
        int tag = (unsigned char)encoded.ptr[0];
        struct slice value = slice_sub(encoded, 5, 5 + (size_t)len);
        // A listener's number may hold NUL octets; text may not, because it becomes a C string.
        struct slice text = tag == TAG_LISTENER ? slice_sub(value, 4, value.len) : value;
        if (slice_find(text, '\0') < text.len || !take_field(b, tag, value))
            goto bad;
        encoded = slice_sub(encoded, 5 + (size_t)len, encoded.len);
    }
    return b;
bad:
    bundle_free(b);
    return NULL;
}
