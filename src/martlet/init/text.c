// SPDX-License-Identifier: MIT
#include "martlet/init/text.h"

#include <string.h>

#include "base/slice.h"
#include "config/value.h"
#include "net/address.h"

static const char first_lines[] = "# The configuration of martlet; martlet.ini(5) knows every key. `systemctl reload "
                                  "martlet` takes most changes over.\n"
                                  "\n"
                                  "[params]\n"
                                  "\n"
                                  "# The domain of all accounts. It cannot change later: accounts are addresses.\n";

static const char other_lines[] =
    "\n"
    "# Who may make an account: open (anybody), invite (who has a link of `martlet invite`), or closed.\n"
    "registration = open\n"
    "\n"
    "# Messages go after this many days, read or not; large ones earlier, once they could have been fetched; accounts\n"
    "# after this many days without a login.\n"
    "delete_mails_after = 20\n"
    "delete_large_after = 7\n"
    "delete_inactive_users_after = 90\n"
    "\n"
    "# The most that one mailbox holds; the oldest messages go before it is full.\n"
    "max_mailbox_size = 500M\n"
    "\n"
    "# No new accounts while the disk has less room than this; everything else goes on.\n"
    "min_free_disk_space = 1G\n"
    "\n"
    "# How many messages an account may send in a minute.\n"
    "max_user_send_per_minute = 60\n"
    "\n"
    "# Who runs this relay, for the privacy page, as the law of many countries wants it. A longer text goes on in\n"
    "# indented lines.\n"
    "#privacy_postal = Your Name, Some Street 1, 12345 Town\n"
    "#privacy_mail = privacy@example.org\n"
    "\n"
    "# Pages of your own in place of the built-in ones; `martlet web` exports those and shows yours.\n"
    "#www_folder = /etc/martlet/www\n"
    "\n"
    "# Calls need UDP ports; this is for a machine that has none.\n"
    "#turn = false\n"
    "\n"
    "# The relay asks the DNS itself, from the root down. Resolvers to ask instead, where port 53 is closed.\n"
    "#dns_forward = 192.0.2.53\n"
    "\n"
    "# IPv4 alone.\n"
    "#disable_ipv6 = true\n";

static const char certificate_lines[] =
    "\n"
    "# The certificate comes from Let's Encrypt by itself (port 80 must be open). It may write to this address.\n"
    "#acme_email = you@example.org\n"
    "\n"
    "# A certificate of your own instead, chain and key; changes of the files are noticed.\n"
    "#tls_external_cert_and_key = /etc/ssl/fullchain.pem /etc/ssl/private.pem\n";

static const char self_signed_lines[] = "\n"
                                        "# The certificate of such a relay is self-signed: it was made once, and "
                                        "clients remember its key. Do not lose it.\n";

static bool write_places(const struct init_text *t, struct buf *out) {
    if (t->state_dir[0] != '\0' &&
        !buf_printf(out,
                    "\n# Where accounts, messages and keys are kept; a backup is of this directory.\nstate_dir = %s\n",
                    t->state_dir))
        return false;
    return t->user[0] == '\0' ||
           buf_printf(out, "\n# The system user that the relay runs as when it is started as root.\nuser = %s\n",
                      t->user);
}

static bool is_self_signed(const char *domain) {
    return domain[0] == '_' || domain[0] == '[';
}

bool init_text_write(const struct init_text *t, struct buf *out) {
    struct slice domain = slice_from_cstr(t->domain);
    if (t->domain[0] == '[')
        domain = slice_sub(domain, 1, domain.len - 1);
    return buf_append_cstr(out, first_lines) && buf_printf(out, "mail_domain = %.*s\n", SLICE_FMT(domain)) &&
           write_places(t, out) && buf_append_cstr(out, other_lines) &&
           buf_append_cstr(out, is_self_signed(t->domain) ? self_signed_lines : certificate_lines);
}

// ---- what can be no domain ----

static bool has_only_ascii(struct slice s) {
    for (size_t i = 0; i < s.len; i++)
        if ((uint8_t)s.ptr[i] >= 0x80)
            return false;
    return true;
}

static const char *refuse_address(const struct net_address *a) {
    if (!net_address_is_ipv4(a))
        return "a relay without a domain wants an IPv4 address, like 192.0.2.1";
    const uint8_t *ip = a->ip + 12;
    return ip[0] == 0 || ip[0] >= 224 ? "no machine can have this address" : NULL;
}

const char *init_text_refuse(const char *word) {
    struct slice s = slice_from_cstr(word), bare = s;
    struct net_address a = {0};
    char domain[CONFIG_DOMAIN_SIZE];
    if (slice_find_slice(s, SLICE("://")) < s.len || slice_find(s, '/') < s.len)
        return "this is an address of a web page: give the domain alone, like chat.example.org";
    if (slice_find(s, '@') < s.len)
        return "this is a mail address: give what stands behind the @ alone";
    if (!has_only_ascii(s))
        return "a domain with other letters than a to z is given in its ASCII form, which begins with xn--";
    if (slice_starts_with(s, SLICE("[")) && slice_ends_with(s, SLICE("]")))
        bare = slice_sub(s, 1, s.len - 1);
    if (slice_starts_with_ci(bare, SLICE("IPv6:"))) // as in a mail address (RFC 5321 4.1.3)
        bare = slice_sub(bare, 5, bare.len);
    if (net_address_parse(bare, &a))
        return refuse_address(&a);
    if (slice_find(s, '_') < s.len && s.ptr[0] != '_')
        return "\"_\" may stand at the beginning of a domain alone";
    if (!config_domain_parse(s, domain))
        return "this is no domain: labels of letters, digits and \"-\", joined by dots, like chat.example.org";
    if (strchr(domain, '.') == NULL)
        return "a domain has a dot in it, like chat.example.org";
    return NULL;
}
