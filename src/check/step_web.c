// SPDX-License-Identifier: MIT
// What browsers and clients ask the web server for.
#include <stdio.h>
#include <string.h>

#include "check/http.h"
#include "check/step.h"

static bool ask(struct check *c, struct check_link *l, const char *service, const char *method, const char *target,
                struct check_answer *ret) {
    const struct check_tls tls = check_own_tls(c, NULL);
    const struct net_address to = check_place(c, service);
    return check_link_connect(l, &to) && (strcmp(service, "https") != 0 || check_link_secure(l, &tls)) &&
           check_http_ask(l, method, c->name, target, ret);
}

enum check_verdict check_step_web(struct check *c, struct check_result *r) {
    struct check_link l;
    struct check_answer a;
    check_link_init(&l, &c->limit);
    enum check_verdict verdict = CHECK_OK;
    if (!ask(c, &l, "https", "GET", "/", &a))
        verdict = check_fail(r, "https://%s/: %s; see the relay's log", c->name, l.error);
    else if (a.status != 200)
        verdict = check_fail(r, "https://%s/ answers %u; see www_folder and the relay's log", c->name, a.status);
    check_link_close(&l);
    if (verdict == CHECK_OK && !ask(c, &l, "http", "GET", "/", &a))
        verdict = check_fail(r, "http://%s/: %s; see the relay's log", c->name, l.error);
    check_link_close(&l);
    return verdict == CHECK_OK ? check_ok(r, "the start page by HTTPS, and HTTP answers") : verdict;
}

// The offer of an account stores nothing until somebody logs in with it.
enum check_verdict check_step_new(struct check *c, struct check_result *r) {
    struct check_link l;
    struct check_answer a;
    const char *registration = check_status_text(c, "settings", "registration");
    bool is_open = registration[0] == '\0' || strcmp(registration, "open") == 0;
    check_link_init(&l, &c->limit);
    enum check_verdict verdict;
    if (!ask(c, &l, "https", "POST", "/new", &a))
        verdict = check_fail(r, "/new: %s; see the relay's log", l.error);
    else if (a.status == 200 && slice_find_slice(a.body, SLICE("\"email\"")) < a.body.len)
        verdict = is_open ? check_ok(r, "/new offers an account")
                          : check_fail(r, "/new offers an account, and registration is \"%s\"; restart the relay",
                                       registration);
    else if (a.status == 403 && (!is_open || c->settings->domain != NULL))
        verdict = check_ok(r, "/new refuses strangers%s%s", is_open ? "" : ", registration is ", registration);
    else
        verdict = check_fail(r, "/new answers %u and offers no account; `martlet status` says what is short", a.status);
    check_link_close(&l);
    return verdict;
}

enum check_verdict check_step_autoconfig(struct check *c, struct check_result *r) {
    struct check_link l;
    struct check_answer a;
    check_link_init(&l, &c->limit);
    enum check_verdict verdict;
    if (!ask(c, &l, "https", "GET", "/.well-known/autoconfig/mail/config-v1.1.xml", &a))
        verdict = check_fail(r, "%s; see the relay's log", l.error);
    else if (a.status != 200 || slice_find_slice(a.body, SLICE("<clientConfig")) == a.body.len)
        verdict = check_fail(r, "it answers %u; see www_folder and the relay's log", a.status);
    else
        verdict = check_ok(r, "it names the servers");
    check_link_close(&l);
    return verdict;
}
