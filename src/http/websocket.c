// SPDX-License-Identifier: MIT
#include "http/websocket.h"

#include <openssl/evp.h>
#include <string.h>

#include "base/base64.h"
#include "http/parser.h"

enum { KEY_LEN = 24, NONCE_LEN = 16, SHA1_LEN = 20, VERSION = 13 };

// Whether a comma-separated field, which may stand several times, has this element.
static bool field_has(const struct http_request *r, const char *name, struct slice element, bool any_case) {
    struct slice wanted = slice_from_cstr(name);
    for (size_t i = 0; i < r->n_fields; i++) {
        if (!slice_eq_ci(r->fields[i].name, wanted))
            continue;
        struct slice list = r->fields[i].value, e;
        while (http_list_next(&list, &e)) {
            if (any_case ? slice_eq_ci(e, element) : slice_eq(e, element))
                return true;
        }
    }
    return false;
}

static bool key_is_valid(struct slice key) {
    char nonce[KEY_LEN / 4 * 3];
    size_t len;
    return key.ptr != NULL && key.len == KEY_LEN && base64_decode(key, nonce, &len) && len == NONCE_LEN;
}

// RFC 6455 section 4.2.2, point 5.4.
static void accept_value(struct slice key, char ret[static BASE64_ENCODED_LEN(SHA1_LEN) + 1]) {
    static const char GUID[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    char text[KEY_LEN + sizeof(GUID) - 1];
    memcpy(text, key.ptr, KEY_LEN);
    memcpy(text + KEY_LEN, GUID, sizeof(GUID) - 1);
    unsigned char digest[EVP_MAX_MD_SIZE];
    ASSERT(EVP_Digest(text, sizeof(text), digest, NULL, EVP_sha1(), NULL) == 1);
    base64_encode(digest, SHA1_LEN, ret);
}

static const char *choose(const struct http_request *r, const char *const *protocols) {
    for (; protocols != NULL && *protocols != NULL; protocols++) {
        if (field_has(r, "sec-websocket-protocol", slice_from_cstr(*protocols), false))
            return *protocols;
    }
    return NULL;
}

// NULL when the request opens a websocket.
static const char *wrong(const struct http_request *r) {
    if (r->method != HTTP_GET)
        return "A websocket is opened with GET.";
    if (r->length > 0 || r->is_chunked)
        return "A request for a websocket has no body.";
    if (!field_has(r, "upgrade", SLICE("websocket"), true) || !field_has(r, "connection", SLICE("upgrade"), true))
        return "This address is for websockets.";
    if (!key_is_valid(http_request_field(r, "sec-websocket-key")))
        return "Sec-WebSocket-Key is missing or is not 16 octets in base64.";
    return NULL;
}

static void refuse_version(struct http_exchange *x) {
    static const struct http_field SUPPORTED = {SLICE("Sec-WebSocket-Version"), SLICE("13")};
    http_respond(x, &(struct http_response){.status = 400,
                                            .content_type = "text/plain; charset=utf-8",
                                            .body = SLICE("Only version 13 of the websocket protocol is known here.\n"),
                                            .fields = &SUPPORTED,
                                            .n_fields = 1});
}

bool http_websocket_accept(struct http_exchange *x, const char *const *protocols, const char **ret_protocol,
                           const struct conn_ops *ops, void *session) {
    const struct http_request *r = http_exchange_request(x);
    const char *why = wrong(r);
    if (why != NULL) {
        http_respond_text(x, 400, why);
        return false;
    }
    uint32_t version;
    struct slice field = http_request_field(r, "sec-websocket-version");
    if (field.ptr == NULL || !slice_to_u32(field, &version) || version != VERSION) {
        refuse_version(x);
        return false;
    }
    const char *protocol = choose(r, protocols);
    if (protocols != NULL && protocol == NULL) {
        http_respond_text(x, 400, "None of the offered websocket protocols is known here.");
        return false;
    }
    char accept[BASE64_ENCODED_LEN(SHA1_LEN) + 1];
    accept_value(http_request_field(r, "sec-websocket-key"), accept);
    struct http_field fields[] = {
        {SLICE("Upgrade"), SLICE("websocket")},
        {SLICE("Connection"), SLICE("Upgrade")},
        {SLICE("Sec-WebSocket-Accept"), slice_from_cstr(accept)},
        {SLICE("Sec-WebSocket-Protocol"), slice_from_cstr(protocol != NULL ? protocol : "")},
    };
    *ret_protocol = protocol;
    http_upgrade(x, fields, ARRAY_LEN(fields) - (protocol == NULL), ops, session);
    return true;
}
