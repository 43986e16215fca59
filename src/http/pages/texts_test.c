// SPDX-License-Identifier: MIT
#include "http/pages/texts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "http/pages/builtin.h"

static struct texts *english, *german, *russian, *persian;

static void add(struct texts *t, const char *json, const char *name) {
    struct template_error error;
    if (!texts_add(t, slice_from_cstr(json), name, name, &error))
        fail_msg("%s", error.sentence);
}

static int set_up(void **state) {
    english = texts_new(SLICE("en"), NULL);
    german = texts_new(SLICE("de"), english);
    russian = texts_new(SLICE("ru"), english);
    persian = texts_new(SLICE("fa"), english);
    add(english,
        "{\"a\": \"A\", \"b\": \"B\", \"day.one\": \"{{n}} day\", \"day.other\": \"{{n}} days\","
        "\"hour.one\": \"{{n}} hour\", \"hour.other\": \"{{n}} hours\","
        "\"size.kb\": \"{{n}} kB\", \"size.mb\": \"{{n}} MB\", \"size.gb\": \"{{n}} GB\"}",
        "en");
    add(german,
        "{\"z\": \"Z\", \"b\": \"Be\", \"day.one\": \"{{n}} Tag\", \"day.other\": \"{{n}} Tage\", \"size.gb\": \"{{n}} "
        "GB\"}",
        "de");
    add(russian, "{\"day.one\": \"{{n}} день\", \"day.few\": \"{{n}} дня\", \"day.many\": \"{{n}} дней\"}", "ru");
    add(persian, "{\"day.other\": \"{{n}} روز\", \"size.mb\": \"{{n}} مگابایت\"}", "fa");
    return 0;
}

static int tear_down(void **state) {
    texts_free(german);
    texts_free(russian);
    texts_free(persian);
    texts_free(english);
    texts_free(NULL);
    return 0;
}

// What a template of no tags but {{n}} says.
static const char *say(const struct template *t, const char *n) {
    static char result[200];
    if (t == NULL)
        return NULL;
    struct template_value value = {.name = "n", .kind = TEMPLATE_TEXT, .text = n};
    struct template_scope scope = {&value, 1, NULL};
    struct buf out;
    buf_init(&out, sizeof(result) - 1);
    struct template_error error;
    assert_true(template_render(t, &scope, NULL, &out, &error));
    (void)snprintf(result, sizeof(result), "%.*s", SLICE_FMT(buf_slice(&out)));
    buf_done(&out);
    return result;
}

static void what_is_missing_is_english(void **state) {
    assert_string_equal(say(texts_find(german, SLICE("b")), ""), "Be");
    assert_string_equal(say(texts_find(german, SLICE("a")), ""), "A");
    assert_string_equal(say(texts_find(german, SLICE("z")), ""), "Z");
    assert_null(texts_find(english, SLICE("z")));
    assert_null(texts_find(german, SLICE("")));
    char key[200];
    memset(key, 'k', sizeof(key));
    assert_null(texts_find(german, slice_make(key, sizeof(key))));
}

static void units(void **state) {
    const struct {
        const struct texts *in;
        const char *unit;
        uint64_t n;
        const char *want;
    } cases[] = {
        {english, "day", 1, "1 day"},
        {english, "day", 20, "20 days"},
        {german, "day", 1, "1 Tag"},
        {german, "day", 90, "90 Tage"},
        {russian, "day", 21, "21 день"},
        {russian, "day", 3, "3 дня"},
        {russian, "day", 90, "90 дней"},
        {persian, "day", 1, "۱ روز"}, // has no form for one
        {persian, "day", 90, "۹۰ روز"},
        {russian, "hour", 21, "21 hours"}, // an English text has an English plural
        {persian, "hour", 21, "21 hours"}, // and English digits
        {english, "size", 31457280, "30 MB"},
        {english, "size", 524288000, "500 MB"},
        {english, "size", 1572864, "1.5 MB"},
        {english, "size", 1073741824, "1 GB"},
        {english, "size", 1073741823, "1 GB"},
        {english, "size", 0, "0 kB"},
        {english, "size", 1023, "1 kB"},
        {english, "size", 1048575, "1 MB"},
        {english, "size", UINT64_MAX, "17179869184 GB"},
        {german, "size", 1610612736, "1,5 GB"},
        {persian, "size", 31457280, "۳۰ مگابایت"},
        {persian, "size", 1610612736, "1.5 GB"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char n[TEMPLATE_NUMBER_SIZE];
        const struct template *t = texts_find_unit(cases[i].in, slice_from_cstr(cases[i].unit), cases[i].n, n);
        const char *got = say(t, n);
        if (got == NULL || strcmp(got, cases[i].want) != 0)
            fail_msg("case %zu: got %s, want %s", i, got != NULL ? got : "nothing", cases[i].want);
    }
    char n[TEMPLATE_NUMBER_SIZE];
    assert_null(texts_find_unit(german, SLICE("week"), 1, n));
}

static void a_later_file_wins_key_by_key(void **state) {
    add(german, "{\"b\": \"B!\", \"0\": \"first\", \"~\": \"last\"}", "own");
    assert_string_equal(say(texts_find(german, SLICE("b")), ""), "B!");
    assert_string_equal(say(texts_find(german, SLICE("0")), ""), "first");
    assert_string_equal(say(texts_find(german, SLICE("~")), ""), "last");
    assert_string_equal(say(texts_find(german, SLICE("z")), ""), "Z");
    assert_string_equal(template_origin(texts_find(german, SLICE("b"))), "own");
    assert_string_equal(template_origin(texts_find(german, SLICE("z"))), "de");
    add(german, "{}", "none");
}

static void what_is_wrong(void **state) {
    static const struct {
        const char *json, *want;
    } cases[] = {
        {"", "f.json:1: not JSON: "},
        {"{\n\"a\": \"b\",\n}", "f.json:3: not JSON: "},
        {"{\"a\": \"b\",\n \"a\": \"c\"}", "f.json:2: not JSON: duplicate object key"},
        {"{\"a\": \"\xff\"}", "f.json:1: not JSON: "},
        {"[]", "f.json:1: wants one JSON object"},
        {"{\"a\": 5}", "f.json: a is not a text"},
        {"{\"b\": \"B2\", \"a\": \"{{#x}}\"}", "f.json: a: the section x is not closed"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct template_error error;
        assert_false(texts_add(german, slice_from_cstr(cases[i].json), "f.json", NULL, &error));
        if (strncmp(error.sentence, cases[i].want, strlen(cases[i].want)) != 0)
            fail_msg("got \"%s\", want \"%s\"", error.sentence, cases[i].want);
    }
    assert_string_equal(say(texts_find(german, SLICE("b")), ""), "Be");
}

static void a_language_that_we_do_not_know(void **state) {
    struct texts *t = texts_new(SLICE("ar"), english);
    assert_string_equal(t->language.name, "ar");
    assert_true(t->language.is_rtl);
    add(t, "{\"language.name\": \"العربية\"}", "ar");
    assert_string_equal(t->language.name, "العربية");
    char n[TEMPLATE_NUMBER_SIZE];
    assert_string_equal(say(texts_find_unit(t, SLICE("day"), 1, n), n), "1 day");
    texts_free(t);
}

// The texts that are compiled in.

static json_t *load_builtin(const char *code) {
    char path[64];
    (void)snprintf(path, sizeof(path), "strings/%s.json", code);
    for (size_t i = 0; i < pages_builtin_n; i++)
        if (strcmp(pages_builtin[i].path, path) == 0)
            return json_loadb(pages_builtin[i].octets, pages_builtin[i].len, JSON_REJECT_DUPLICATES, NULL);
    return NULL;
}

// Of "day.few" the form; PLURAL_N when the key is not one of a plural: "UNIT.other" is in English for each that is.
static enum plural form_of(const char *key, const json_t *in_english, struct slice *ret_unit) {
    struct slice s = slice_from_cstr(key);
    size_t dot = slice_rfind(s, '.');
    *ret_unit = slice_sub(s, 0, dot);
    char other[200];
    (void)snprintf(other, sizeof(other), "%.*s.other", SLICE_FMT(*ret_unit));
    if (dot == s.len || json_object_get(in_english, other) == NULL)
        return PLURAL_N;
    for (unsigned p = 0; p < PLURAL_N; p++)
        if (slice_eq(slice_sub(s, dot + 1, s.len), slice_from_cstr(plural_name((enum plural)p))))
            return (enum plural)p;
    return PLURAL_N;
}

// The forms that numbers of a configuration take.
static unsigned usual_forms(const struct language *l) {
    unsigned forms = 0;
    for (uint64_t n = 0; n < 1000; n++)
        forms |= 1u << l->plural_of(n);
    return forms;
}

static void check_plurals(const struct language *l, const json_t *object, struct slice unit, size_t *problems) {
    for (unsigned p = 0; p < PLURAL_N; p++) {
        char key[200];
        (void)snprintf(key, sizeof(key), "%.*s.%s", SLICE_FMT(unit), plural_name((enum plural)p));
        bool is_there = json_object_get(object, key) != NULL;
        // Numbers with decimals take the form "other" in each language; a text for it does no harm.
        bool is_superfluous = is_there && (l->forms & 1u << p) == 0 && p != PLURAL_OTHER;
        bool is_missing = !is_there && (usual_forms(l) & 1u << p) != 0;
        if (is_superfluous || is_missing) {
            print_error("strings/%s.json: %s is %s\n", l->code, key, is_missing ? "missing" : "superfluous");
            ++*problems;
        }
    }
}

static size_t compare_keys(const struct language *l, json_t *object, json_t *in_english) {
    size_t problems = 0;
    const char *key;
    json_t *value;
    struct slice unit;
    json_object_foreach(in_english, key, value) {
        enum plural form = form_of(key, in_english, &unit);
        if (form == PLURAL_OTHER)
            check_plurals(l, object, unit, &problems);
        else if (form == PLURAL_N && json_object_get(object, key) == NULL) {
            print_error("strings/%s.json: %s is missing\n", l->code, key);
            problems++;
        }
    }
    json_object_foreach(object, key, value) {
        if (form_of(key, in_english, &unit) == PLURAL_N && json_object_get(in_english, key) == NULL) {
            print_error("strings/%s.json: %s is superfluous: English has no such text\n", l->code, key);
            problems++;
        }
    }
    return problems;
}

static void every_language_has_every_text(void **state) {
    json_t *in_english = load_builtin("en");
    assert_non_null(in_english);
    size_t problems = 0;
    for (size_t i = 0; i < LANGUAGES_N; i++) {
        json_t *object = load_builtin(language_table[i].code);
        if (object == NULL)
            fail_msg("strings/%s.json is missing or not JSON", language_table[i].code);
        problems += compare_keys(&language_table[i], object, in_english);
        json_decref(object);
    }
    json_decref(in_english);
    assert_int_equal(problems, 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(what_is_missing_is_english, set_up, tear_down),
        cmocka_unit_test_setup_teardown(units, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_later_file_wins_key_by_key, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_is_wrong, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_language_that_we_do_not_know, set_up, tear_down),
        cmocka_unit_test(every_language_has_every_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
