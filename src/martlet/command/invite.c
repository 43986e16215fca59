// SPDX-License-Identifier: MIT
// `martlet invite`: links with which people make accounts while registration = invite.
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/slice.h"
#include "martlet/command/command.h"
#include "martlet/command/operator.h"
#include "martlet/command/qr.h"

enum { USES_DEFAULT = 1, DAYS_DEFAULT = 7 };

// The relay says what it takes; here it only has to be a number.
static json_int_t number_of(const char *option, const char *value, json_int_t otherwise) {
    uint64_t n;
    if (value == NULL)
        return otherwise;
    if (!slice_to_u64(slice_from_cstr(value), &n) || n > INT64_MAX)
        command_misuse(&invite_command, "%s wants a number, not \"%s\"", option, value);
    return (json_int_t)n;
}

static void print_terms(const json_t *a) {
    long long uses = operator_number(a, "uses");
    if (uses == 1)
        (void)printf("It is good for one account, until %s.\n", operator_text(a, "last_day"));
    else
        (void)printf("It is good for %lld accounts, until %s.\n", uses, operator_text(a, "last_day"));
}

static void print_invitation(const json_t *a) {
    const char *link = operator_text(a, "link"), *page = operator_text(a, "page");
    bool has_link = link[0] != '\0';
    if (has_link)
        (void)printf(
            "%s\n\nTap the link on a phone with Delta Chat, or scan the code with it. The same for a browser:\n%s\n\n",
            link, page);
    else
        (void)printf(
            "%s\n\nDelta Chat cannot use an invitation to an IP address itself: open this page in a browser (it "
            "will warn of\nthe certificate when that is self-signed) and tap its button.\n\n",
            page);
    print_terms(a);
    (void)printf("Take it back with: martlet invite revoke %s\n\n", operator_text(a, "token"));
    if (!qr_print(stdout, has_link ? link : page, isatty(STDOUT_FILENO) == 1))
        (void)printf("(the link is too long for a QR code)\n");
}

static int add(const struct operator_options *o) {
    json_t *request =
        json_pack("{s:s, s:I, s:I}", "command", "invitation-add", "uses", number_of("--uses", o->uses, USES_DEFAULT),
                  "days", number_of("--days", o->days, DAYS_DEFAULT));
    json_t *answer = NULL;
    bool ok = operator_call(o, request, NULL, NULL, &answer);
    json_decref(request);
    if (!ok)
        return 1;
    (void)json_object_del(answer, "ok");
    if (o->json)
        operator_print_json(answer);
    else
        print_invitation(answer);
    json_decref(answer);
    return operator_finish_output();
}

static void print_row(void *arg, const json_t *row, size_t n) {
    if (n == 0)
        (void)printf("%-22s  %-10s  %s\n", "token", "last day", "accounts left");
    (void)printf("%-22s  %-10s  %13lld\n", operator_text(row, "token"), operator_text(row, "last_day"),
                 operator_number(row, "uses"));
}

static int list(const struct operator_options *o) {
    static const struct operator_list invitations = {.print_row = print_row, .none = "there is no invitation"};
    return operator_show_list(o, json_pack("{s:s}", "command", "invitation-list"), &invitations);
}

// What people have at hand is the link; its token is all that counts.
static const char *token_of(const char *text) {
    const char *mark = strstr(text, "?t=");
    return mark != NULL ? mark + 3 : text;
}

static int take_back(const struct operator_options *o, const char *text) {
    json_t *request = json_pack("{s:s, s:s}", "command", "invitation-delete", "token", token_of(text));
    if (request == NULL) {
        (void)fprintf(stderr, "martlet: the token is not text in UTF-8\n");
        return 1;
    }
    bool ok = operator_call(o, request, NULL, NULL, NULL);
    json_decref(request);
    if (!ok)
        return 1;
    (void)printf("the invitation is revoked\n");
    return operator_finish_output();
}

static int run_verb(const struct operator_options *o, int argc, char **argv) {
    const char *verb = argv[optind++];
    static const char *const verbs[] = {"list", "revoke"};
    bool is_list = operator_find_verb(&invite_command, verb, verbs, ARRAY_LEN(verbs)) == 0;
    if (o->uses != NULL || o->days != NULL)
        command_misuse(&invite_command, "--uses and --days are for a new invitation");
    operator_refuse_others(&invite_command, o, verb, is_list ? "j" : "");
    const char *token = !is_list && optind < argc ? argv[optind++] : NULL;
    if (!is_list && token == NULL)
        command_misuse(&invite_command, "revoke wants a token");
    if (optind < argc)
        command_refuse_word(&invite_command, argv[optind]);
    return is_list ? list(o) : take_back(o, token);
}

static int run_invite(int argc, char **argv) {
    static const struct option allowed[] = {{"json", no_argument, NULL, 'j'},
                                            {"uses", required_argument, NULL, 'u'},
                                            {"days", required_argument, NULL, 'd'},
                                            {0}};
    struct operator_options o;
    operator_read_options(&invite_command, argc, argv, allowed, &o);
    return optind < argc ? run_verb(&o, argc, argv) : add(&o);
}

const struct command invite_command = {
    .name = "invite",
    .summary = "invite people while registration = invite",
    .usage = "invite [--uses N] [--days D] [--json] [WHERE]\n"
             "       martlet invite list [--json] [WHERE]\n"
             "       martlet invite revoke TOKEN [WHERE]\n"
             "\n"
             "Prints a link that makes an account, the same as a web page and as a QR code.\n"
             "\n"
             "  --uses N          how many accounts it makes; 1\n"
             "  --days D          for how many days; 7\n"
             "  --json            JSON objects, one a line\n"
             "WHERE:\n" OPERATOR_WHERE,
    .run = run_invite,
};
