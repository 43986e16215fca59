// SPDX-License-Identifier: MIT
#include "http/pages/template.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

// Partials and texts by name.
struct part {
    const char *name, *source;
    struct template *parsed;
};

static struct part partials[] = {
    {"head", "<h>{{domain}}</h>", NULL},
    {"loop", "x{{>loop}}", NULL},
    {"broken", "a\n{{nothing}}", NULL},
    {"lines", "one\ntwo\n", NULL},
    {"double", "{{>double_a}}{{>double_a}}", NULL},
};
static struct part texts[] = {
    {"hello", "Hello {{domain}}", NULL},
    {"self", "{{@self}}", NULL},
    {"day.one", "{{n}} day", NULL},
    {"day.other", "{{n}} days", NULL},
};

static const struct template *find_part(struct part *parts, size_t n, struct slice name) {
    for (size_t i = 0; i < n; i++)
        if (slice_eq(slice_from_cstr(parts[i].name), name))
            return parts[i].parsed;
    return NULL;
}

static const struct template *find_partial(void *arg, struct slice name) {
    return find_part(partials, ARRAY_LEN(partials), name);
}

static const struct template *find_text(void *arg, struct slice key) {
    return find_part(texts, ARRAY_LEN(texts), key);
}

static void write_number(void *arg, uint64_t n, char ret_n[TEMPLATE_NUMBER_SIZE]) {
    (void)snprintf(ret_n, TEMPLATE_NUMBER_SIZE, "%llu", (unsigned long long)n);
}

static const struct template *find_unit(void *arg, struct slice unit, uint64_t n, char ret_n[TEMPLATE_NUMBER_SIZE]) {
    write_number(arg, n, ret_n);
    if (!slice_eq(unit, SLICE("day")))
        return NULL;
    return find_text(arg, n == 1 ? SLICE("day.one") : SLICE("day.other"));
}

static const struct template_world world = {find_partial, find_text, find_unit, write_number, NULL};

static const struct template_value item_a[] = {{.name = "code", .kind = TEMPLATE_TEXT, .text = "a"},
                                               {.name = "on", .kind = TEMPLATE_FLAG, .flag = true}};
static const struct template_value item_b[] = {{.name = "code", .kind = TEMPLATE_TEXT, .text = "b"},
                                               {.name = "on", .kind = TEMPLATE_FLAG}};
static const struct template_scope items[] = {{item_a, 2, NULL}, {item_b, 2, NULL}};
static const struct template_value values[] = {
    {.name = "domain", .kind = TEMPLATE_TEXT, .text = "d.example"},
    {.name = "evil", .kind = TEMPLATE_TEXT, .text = "<a b=\"c\" d='e'>&"},
    {.name = "lines", .kind = TEMPLATE_TEXT, .text = "one\ntwo\n"},
    {.name = "empty", .kind = TEMPLATE_TEXT, .text = ""},
    {.name = "null", .kind = TEMPLATE_TEXT},
    {.name = "html", .kind = TEMPLATE_HTML, .text = "<svg/>"},
    {.name = "yes", .kind = TEMPLATE_FLAG, .flag = true},
    {.name = "no", .kind = TEMPLATE_FLAG},
    {.name = "one", .kind = TEMPLATE_NUMBER, .number = 1},
    {.name = "many", .kind = TEMPLATE_NUMBER, .number = 20},
    {.name = "zero", .kind = TEMPLATE_NUMBER},
    {.name = "list", .kind = TEMPLATE_LIST, .items = items, .n_items = 2},
    {.name = "nobody", .kind = TEMPLATE_LIST},
};
static const struct template_scope scope = {values, ARRAY_LEN(values), NULL};

static void parse_parts(struct part *parts, size_t n, bool has_lines) {
    for (size_t i = 0; i < n; i++) {
        struct template_error error;
        parts[i].parsed = template_parse(slice_from_cstr(parts[i].source), parts[i].name, has_lines, &parts[i], &error);
        assert_non_null(parts[i].parsed);
    }
}

static int set_up(void **state) {
    parse_parts(partials, ARRAY_LEN(partials), true);
    parse_parts(texts, ARRAY_LEN(texts), false);
    return 0;
}

static int tear_down(void **state) {
    for (size_t i = 0; i < ARRAY_LEN(partials); i++)
        template_free(partials[i].parsed);
    for (size_t i = 0; i < ARRAY_LEN(texts); i++)
        template_free(texts[i].parsed);
    return 0;
}

// What the source renders to, or the error's sentence.
static const char *run(const char *source, size_t max, struct template_error *ret_error) {
    static char result[4096];
    struct template *t = template_parse(slice_from_cstr(source), "page.html", true, NULL, ret_error);
    struct buf out;
    buf_init(&out, max);
    bool ok = t != NULL && template_render(t, &scope, &world, &out, ret_error);
    (void)snprintf(result, sizeof(result), "%.*s", ok ? (int)out.len : (int)strlen(ret_error->sentence),
                   ok ? buf_slice(&out).ptr : ret_error->sentence);
    buf_done(&out);
    template_free(t);
    return result;
}

static void what_tags_become(void **state) {
    static const struct {
        const char *source, *want;
    } cases[] = {
        {"", ""},
        {"plain } text {", "plain } text {"},
        {"a{{domain}}b", "ad.exampleb"},
        {"{{ domain }}", "d.example"},
        {"{{evil}}", "&lt;a b=&quot;c&quot; d=&#39;e&#39;&gt;&amp;"},
        {"{{lines}}", "one<br>two"},
        {"[{{empty}}{{null}}]", "[]"},
        {"{{&html}}", "<svg/>"},
        {"{{one}} {{zero}}", "1 0"},
        {"{{one|day}}, {{many|day}}, {{ zero | day }}", "1 day, 20 days, 0 days"},
        {"{{@hello}}!", "Hello d.example!"},
        {"{{>head}}", "<h>d.example</h>"},
        {"a{{! {{ nothing }}b", "ab"},
        {"{{#yes}}y{{/yes}}{{#no}}n{{/no}}", "y"},
        {"{{^yes}}y{{/yes}}{{^no}}n{{/no}}", "n"},
        {"{{#domain}}d{{/domain}}{{#empty}}e{{/empty}}{{^empty}}E{{/empty}}", "dE"},
        {"{{#one}}1{{/one}}{{#zero}}0{{/zero}}{{#html}}h{{/html}}", "1h"},
        {"{{#list}}{{code}}{{#on}}!{{/on}}@{{domain}} {{/list}}", "a!@d.example b@d.example "},
        {"{{^list}}none{{/list}}{{^nobody}}nobody{{/nobody}}{{#nobody}}{{code}}{{/nobody}}", "nobody"},
        {"{{#yes}}{{#no}}x{{/no}}{{^no}}y{{/no}}{{/yes}}", "y"},
        // A tag that only steers takes its line with it.
        {"a\n  {{#yes}}  \nb\n  {{/yes}}\r\nc", "a\nb\nc"},
        {"a\n{{! remark }}\nb\n{{>lines}}\nc\n", "a\nb\none\ntwo\nc\n"},
        {"a\n  {{domain}}\nb", "a\n  d.example\nb"},
        {"{{#yes}}\n{{/yes}}", ""},
        {" {{#yes}}x{{/yes}} ", " x "},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct template_error error;
        assert_string_equal(run(cases[i].source, 1000, &error), cases[i].want);
    }
}

static void what_is_wrong(void **state) {
    static const struct {
        const char *source, *want;
    } cases[] = {
        {"a\n{{domian}}", "page.html:2: there is no value {{domian}}"},
        {"\n\n{{domain", "page.html:3: a tag begins with {{ and has no }}"},
        {"{{}}", "page.html:1: {{}} is not a tag"},
        {"{{a b}}", "page.html:1: {{a b}} is not a tag"},
        {"{{one|}}", "page.html:1: {{one|}} is not a tag"},
        {"{{#}}", "page.html:1: {{#}} is not a tag"},
        {"{{#yes}}\n\n", "page.html:1: the section yes is not closed: {{/yes}} is missing"},
        {"{{/yes}}", "page.html:1: {{/yes}} closes a section that is not open"},
        {"{{#yes}}\n{{/no}}", "page.html:2: {{/no}} where {{/yes}} is wanted, for the section of line 1"},
        {"{{@nokey}}", "page.html:1: there is no text nokey in strings/en.json"},
        {"{{>nofile}}", "page.html:1: there is no file _nofile.html"},
        {"{{many|hour}}", "page.html:1: there is no text hour.other for this unit"},
        {"{{domain|day}}", "page.html:1: domain is not a number: it has no unit"},
        {"{{html}}", "page.html:1: html is HTML: write {{&html}}"},
        {"{{&domain}}", "page.html:1: domain is not HTML: write {{domain}}"},
        {"{{yes}}", "page.html:1: yes is a yes or no: ask with {{#yes}}...{{/yes}}"},
        {"{{list}}", "page.html:1: list is a list: go through it with {{#list}}...{{/list}}"},
        {"{{code}}", "page.html:1: there is no value {{code}}"},
        {"{{>broken}}", "broken:2: there is no value {{nothing}}"},
        {"{{>loop}}", "loop:1: {{>loop}} is more than 12 deep: does a file or text hold itself?"},
        {"{{@self}}", "self: {{@self}} is more than 12 deep: does a file or text hold itself?"},
        {"{{\033[1m}}", "page.html:1: {{?[1m}} is not a tag"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct template_error error;
        assert_string_equal(run(cases[i].source, 1000, &error), cases[i].want);
    }
}

static void a_check_takes_every_section(void **state) {
    static const struct {
        const char *source, *want; // NULL: nothing is wrong
    } cases[] = {
        {"{{#no}}{{domain}}{{/no}}{{^yes}}{{>head}}{{/yes}}{{#list}}{{code}}{{/list}}{{#nobody}}{{code}}{{/nobody}}",
         NULL},
        {"{{#no}}\n{{x}}{{/no}}", "page.html:2: there is no value {{x}}"},
        {"{{^yes}}{{@x}}{{/yes}}", "page.html:1: there is no text x in strings/en.json"},
        {"{{#empty}}{{>x}}{{/empty}}", "page.html:1: there is no file _x.html"},
        {"{{^list}}{{code}}{{/list}}", "page.html:1: there is no value {{code}}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct template_error error = {0};
        struct template *t = template_parse(slice_from_cstr(cases[i].source), "page.html", true, NULL, &error);
        assert_non_null(t);
        bool ok = template_check(t, &scope, &world, 1000, &error);
        assert_string_equal(ok ? "" : error.sentence, cases[i].want != NULL ? cases[i].want : "");
        template_free(t);
    }
}

static void the_trail_leads_to_the_fault(void **state) {
    struct template_error error;
    (void)run("{{>broken}}", 1000, &error);
    assert_int_equal(error.n_trail, 2);
    assert_ptr_equal(template_origin(error.trail[0]), &partials[2]);
    (void)run("{{#", 1000, &error);
    assert_int_equal(error.n_trail, 0);
}

static void output_is_bounded(void **state) {
    struct template_error error;
    assert_string_equal(run("0123456789", 10, &error), "0123456789");
    assert_string_equal(run("0123456789{{evil}}", 12, &error), "page.html:1: the page is longer than 0 kB");
    assert_string_equal(run("{{>head}}", 4, &error), "head:1: the page is longer than 0 kB");
}

static void nesting_is_bounded(void **state) {
    char source[(TEMPLATE_SECTIONS_MAX + 1) * 16 + 1] = "";
    for (int i = 0; i <= TEMPLATE_SECTIONS_MAX; i++)
        memcpy(source + 8 * i, "{{#yes}}", 9);
    struct template_error error;
    assert_string_equal(run(source, 10, &error), "page.html:1: more than 16 sections within each other");
}

// Texts that double at each level would make 2^11 and more without a word of output.
static void work_is_bounded(void **state) {
    struct buf source;
    buf_init(&source, 1 << 20);
    for (int i = 0; i < 9000; i++)
        assert_true(buf_append_cstr(&source, "{{>lots}}"));
    struct template_error error;
    struct template *lots = template_parse(slice_from_cstr("{{#no}}{{/no}}{{^yes}}{{/yes}}{{#no}}{{/no}}{{#no}}{{/no}}"
                                                           "{{#no}}{{/no}}{{#no}}{{/no}}{{#no}}{{/no}}{{#no}}{{/no}}"
                                                           "{{#no}}{{/no}}{{#no}}{{/no}}{{#no}}{{/no}}{{#no}}{{/no}}"
                                                           "{{#no}}{{/no}}{{#no}}{{/no}}{{#no}}{{/no}}{{#no}}{{/no}}"
                                                           "{{#no}}{{/no}}{{#no}}{{/no}}{{#no}}{{/no}}{{#no}}{{/no}}"
                                                           "{{#no}}{{/no}}{{#no}}{{/no}}{{#no}}{{/no}}{{#no}}{{/no}}"),
                                           "lots", true, NULL, &error);
    struct template *page = template_parse(buf_slice(&source), "page.html", true, NULL, &error);
    assert_non_null(lots);
    assert_non_null(page);
    struct template *saved = partials[0].parsed;
    partials[0] = (struct part){"lots", "", lots};
    struct buf out;
    buf_init(&out, 100);
    assert_false(template_render(page, &scope, &world, &out, &error));
    assert_non_null(strstr(error.sentence, "the page takes too much work"));
    partials[0] = (struct part){"head", "", saved};
    template_free(page);
    template_free(lots);
    buf_done(&source);
    buf_done(&out);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_tags_become),
        cmocka_unit_test(a_check_takes_every_section),
        cmocka_unit_test(what_is_wrong),
        cmocka_unit_test(output_is_bounded),
        cmocka_unit_test(the_trail_leads_to_the_fault),
        cmocka_unit_test(nesting_is_bounded),
        cmocka_unit_test(work_is_bounded),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
