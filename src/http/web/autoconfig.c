// SPDX-License-Identifier: MIT
#include "http/web/autoconfig.h"

#include "http/web/web.h"

enum { IMAPS_PORT = 993 };

static const struct server {
    const char *kind, *protocol; // incoming imap, outgoing smtp
    uint16_t port;
    const char *socket_type;
} servers[] = {
    {"incoming", "imap", 993, "SSL"}, {"incoming", "imap", 143, "STARTTLS"}, {"incoming", "imap", 443, "SSL"},
    {"outgoing", "smtp", 465, "SSL"}, {"outgoing", "smtp", 587, "STARTTLS"}, {"outgoing", "smtp", 443, "SSL"},
};

// In development all ports are moved by one distance.
static unsigned port_of(const struct server *s, const struct web_place *place) {
    return (unsigned)(s->port + place->imaps_port - IMAPS_PORT);
}

static bool append_escaped(struct buf *ret, struct slice s) {
    bool ok = true;
    for (size_t i = 0; ok && i < s.len; i++) {
        char c = s.ptr[i];
        const char *entity = c == '&' ? "&amp;" : c == '<' ? "&lt;" : c == '>' ? "&gt;" : c == '"' ? "&quot;" : NULL;
        ok = entity != NULL ? buf_append_cstr(ret, entity) : buf_append(ret, &c, 1);
    }
    return ok;
}

static bool append_element(struct buf *ret, const char *before, struct slice host, const char *after) {
    return buf_append_cstr(ret, before) && append_escaped(ret, host) && buf_append_cstr(ret, after);
}

static bool append_server(struct buf *ret, const struct server *s, struct slice host, const struct web_place *place) {
    return buf_printf(ret, "    <%sServer type=\"%s\">\n", s->kind, s->protocol) &&
           append_element(ret, "      <hostname>", host, "</hostname>\n") &&
           buf_printf(ret,
                      "      <port>%u</port>\n"
                      "      <socketType>%s</socketType>\n"
                      "      <authentication>password-cleartext</authentication>\n"
                      "      <username>%%EMAILADDRESS%%</username>\n"
                      "    </%sServer>\n",
                      port_of(s, place), s->socket_type, s->kind);
}

bool autoconfig_write(struct slice host, const struct web_place *place, struct buf *ret) {
    bool ok = append_element(ret,
                             "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                             "<clientConfig version=\"1.1\">\n"
                             "  <emailProvider id=\"",
                             host, "\">\n") &&
              append_element(ret, "    <domain>", host, "</domain>\n") &&
              append_element(ret, "    <displayName>", host, " chatmail</displayName>\n") &&
              append_element(ret, "    <displayShortName>", host, "</displayShortName>\n");
    for (size_t i = 0; ok && i < ARRAY_LEN(servers); i++)
        ok = append_server(ret, &servers[i], host, place);
    return ok && buf_append_cstr(ret, "  </emailProvider>\n</clientConfig>\n");
}
