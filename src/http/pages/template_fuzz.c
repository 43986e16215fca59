// SPDX-License-Identifier: MIT
// A page, a partial and a file of texts from any octets, and any Accept-Language field: never a crash, never more
// output than the maximum, always a sentence when something is wrong. The parts are separated by a line of "---".
#include <stdio.h>
#include <string.h>

#include "http/pages/language.h"
#include "http/pages/template.h"
#include "http/pages/texts.h"

enum { OUTPUT_MAX = 8 * 1024 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct scene {
    struct template *partial;
    struct texts *texts;
};

static const struct template *find_partial(void *arg, struct slice name) {
    return ((struct scene *)arg)->partial;
}

static const struct template *find_text(void *arg, struct slice key) {
    return texts_find(((struct scene *)arg)->texts, key);
}

static const struct template *find_unit(void *arg, struct slice unit, uint64_t n, char ret_n[TEMPLATE_NUMBER_SIZE]) {
    return texts_find_unit(((struct scene *)arg)->texts, unit, n, ret_n);
}

static void write_number(void *arg, uint64_t n, char ret_n[TEMPLATE_NUMBER_SIZE]) {
    language_write_number(&((struct scene *)arg)->texts->language, n, ret_n);
}

static const struct template_value of_item[] = {{.name = "x", .kind = TEMPLATE_TEXT, .text = "<&\"'\n>"}};
static const struct template_scope items[] = {{of_item, 1, NULL}, {of_item, 1, NULL}, {of_item, 1, NULL}};
static const struct template_value values[] = {
    {.name = "t", .kind = TEMPLATE_TEXT, .text = "text"},
    {.name = "h", .kind = TEMPLATE_HTML, .text = "<b>"},
    {.name = "f", .kind = TEMPLATE_FLAG, .flag = true},
    {.name = "n", .kind = TEMPLATE_NUMBER, .number = 31457280},
    {.name = "l", .kind = TEMPLATE_LIST, .items = items, .n_items = 3},
};

static struct slice next_part(struct slice *rest) {
    static const struct slice mark = {"\n---\n", 5};
    size_t at = slice_find_slice(*rest, mark);
    struct slice part = slice_sub(*rest, 0, at);
    *rest = slice_sub(*rest, at + mark.len, rest->len);
    return part;
}

static void render(const struct template *page, struct scene *scene) {
    struct template_world world = {find_partial, find_text, find_unit, write_number, scene};
    struct template_scope scope = {values, ARRAY_LEN(values), NULL};
    struct template_error error = {0};
    struct buf out;
    buf_init(&out, OUTPUT_MAX);
    bool ok = template_render(page, &scope, &world, &out, &error);
    ASSERT(out.len <= OUTPUT_MAX);
    ASSERT(ok || (error.sentence[0] != '\0' && error.n_trail >= 1 && error.n_trail <= TEMPLATE_DEPTH_MAX));
    buf_done(&out);
    // What is right in all its sections is right in some, if it is not too long or too much.
    if (template_check(page, &scope, &world, OUTPUT_MAX, &error) && !ok)
        ASSERT(strstr(error.sentence, "the page ") != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    struct slice rest = slice_make((const char *)data, size);
    struct slice source = next_part(&rest), partial = next_part(&rest), json = next_part(&rest);
    struct template_error error = {0};
    struct scene scene = {
        .partial = template_parse(partial, "_partial.html", true, NULL, &error),
        .texts = texts_new(SLICE("fa"), NULL),
    };
    if (!texts_add(scene.texts, json, "strings/fa.json", NULL, &error))
        ASSERT(error.sentence[0] != '\0');
    struct template *page = template_parse(source, "page.html", true, NULL, &error);
    if (page != NULL)
        render(page, &scene);
    else
        ASSERT(error.sentence[0] != '\0');
    static const char *const codes[] = {"en", "de", "pt-BR"};
    ASSERT(language_negotiate(rest, codes, ARRAY_LEN(codes)) <= ARRAY_LEN(codes));
    (void)language_is_code(rest);
    template_free(page);
    texts_free(scene.texts);
    template_free(scene.partial);
    return 0;
}
