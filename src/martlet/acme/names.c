// SPDX-License-Identifier: MIT
#include "martlet/acme/names.h"

#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "martlet/acme/certificate_check.h"

static int resolve(const char *name, struct addrinfo **ret) {
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
    *ret = NULL;
    return getaddrinfo(name, NULL, &hints, ret);
}

static bool same_address(const struct addrinfo *a, const struct addrinfo *b) {
    if (a->ai_family != b->ai_family)
        return false;
    if (a->ai_family == AF_INET)
        return memcmp(&((const struct sockaddr_in *)(const void *)a->ai_addr)->sin_addr,
                      &((const struct sockaddr_in *)(const void *)b->ai_addr)->sin_addr, sizeof(struct in_addr)) == 0;
    return a->ai_family == AF_INET6 &&
           memcmp(&((const struct sockaddr_in6 *)(const void *)a->ai_addr)->sin6_addr,
                  &((const struct sockaddr_in6 *)(const void *)b->ai_addr)->sin6_addr, sizeof(struct in6_addr)) == 0;
}

static bool leads_to(const char *name, const struct addrinfo *domain, bool anywhere) {
    struct addrinfo *found;
    if (resolve(name, &found) != 0)
        return false;
    bool ret = anywhere;
    for (const struct addrinfo *a = found; !ret && a != NULL; a = a->ai_next)
        for (const struct addrinfo *b = domain; !ret && b != NULL; b = b->ai_next)
            ret = same_address(a, b);
    freeaddrinfo(found);
    return ret;
}

bool acme_names_find(const char *mail_domain, bool trust_names, struct acme_names *ret,
                     char ret_error[ACME_OUTCOME_MAX]) {
    static const char *const prefixes[] = {"www", "mta-sts", "autoconfig"};
    char address[CERTIFICATE_ADDRESS_SIZE];
    *ret = (struct acme_names){.n = 1};
    acme_identifier(mail_domain, ret->name[0]);
    if (certificate_literal(mail_domain, address))
        return true;
    struct addrinfo *domain;
    int error = resolve(mail_domain, &domain);
    // With dns-01 the domain itself need not have an address to be issued for.
    if (error != 0 && !trust_names) {
        (void)snprintf(ret_error, ACME_OUTCOME_MAX,
                       "%.255s does not resolve (%s): give it an A or AAAA record that leads to this machine",
                       mail_domain, gai_strerror(error));
        return false;
    }
    for (size_t i = 0; i < ARRAY_LEN(prefixes); i++) {
        char name[ACME_IDENTIFIER_SIZE + 16];
        (void)snprintf(name, sizeof(name), "%s.%s", prefixes[i], mail_domain);
        if (strlen(name) < ACME_IDENTIFIER_SIZE && leads_to(name, domain, trust_names))
            memcpy(ret->name[ret->n++], name, strlen(name) + 1);
    }
    if (domain != NULL)
        freeaddrinfo(domain);
    return true;
}
