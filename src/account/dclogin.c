// SPDX-License-Identifier: MIT
// Login links, as genuine clients take them: dclogin:ADDRESS?p=PASSWORD&v=1, then what is not the client's default:
// ih, ip, is (IMAP host, port, security), sh, sp, ss (the same of SMTP), ic=3 (any certificate).
#include "account/offer.h"

#include <string.h>

enum { PORT_IMAPS = 993, PORT_SMTPS = 465 };

// The unreserved characters of RFC 3986 2.3 and those in `safe` stay; every other octet is "%XX".
static bool append_encoded(struct buf *b, const char *text, const char *safe) {
    for (const char *p = text; *p != '\0'; p++) {
        bool stays = ascii_is_alnum(*p) || strchr("-._~", *p) != NULL || strchr(safe, *p) != NULL;
        if (!(stays ? buf_append(b, p, 1) : buf_printf(b, "%%%02X", (unsigned char)*p)))
            return false;
    }
    return true;
}

static bool append_server(struct buf *b, char which, const char *host, uint16_t port, uint16_t usual_port) {
    if (host != NULL && !(buf_printf(b, "&%ch=", which) && append_encoded(b, host, "[]:")))
        return false;
    // A port without its security would make clients try STARTTLS.
    return port == usual_port || buf_printf(b, "&%cp=%u&%cs=ssl", which, port, which);
}

bool account_dclogin_link(const char *address, const char *password, const struct account_servers *s, struct buf *ret) {
    size_t before = ret->len;
    // In an address "@" and the brackets of an IP literal stay as they are, and so does the colon of an IPv6 one.
    bool ok = buf_append_cstr(ret, "dclogin:") && append_encoded(ret, address, "@[]:") && buf_append_cstr(ret, "?p=") &&
              append_encoded(ret, password, "") && buf_append_cstr(ret, "&v=1") &&
              append_server(ret, 'i', s->host, s->imaps_port, PORT_IMAPS) &&
              append_server(ret, 's', s->host, s->smtps_port, PORT_SMTPS) &&
              (!s->any_certificate || buf_append_cstr(ret, "&ic=3"));
    if (!ok)
        buf_truncate(ret, before); // half a link is none
    return ok;
}
