// SPDX-License-Identifier: MIT
// `martlet web`: for operators who write pages of their own. Shows them while they are edited, or writes the built-in
// ones into a folder to start from.
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/slice.h"
#include "http/pages/builtin.h"
#include "martlet/command/command.h"
#include "martlet/web/preview.h"

enum { PREVIEW_PORT = 8080, FILE_MODE = 0644, FOLDER_MODE = 0755 };

static bool complain(const char *path) {
    (void)fprintf(stderr, "martlet: %s: %s\n", path, strerror(errno));
    return false;
}

// The folders on the way to `path`, which it names for a moment each.
static bool make_folders(char *path) {
    for (char *slash = strchr(path + 1, '/'); slash != NULL; slash = strchr(slash + 1, '/')) {
        *slash = '\0';
        bool ok = mkdir(path, FOLDER_MODE) == 0 || errno == EEXIST || complain(path);
        *slash = '/';
        if (!ok)
            return false;
    }
    return true;
}

static bool write_all(int fd, struct slice octets) {
    while (octets.len > 0) {
        ssize_t n = write(fd, octets.ptr, octets.len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        octets = slice_sub(octets, (size_t)n, octets.len);
    }
    return true;
}

// A file that is there already is left as it is: *ret_is_new is false then.
static bool export_file(const char *folder, const struct builtin_file *f, bool *ret_is_new) {
    char path[PATH_MAX];
    *ret_is_new = false;
    int n = snprintf(path, sizeof(path), "%s/%s", folder, f->path);
    if (n < 0 || (size_t)n >= sizeof(path)) {
        errno = ENAMETOOLONG;
        return complain(folder);
    }
    if (!make_folders(path))
        return false;
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, FILE_MODE);
    if (fd < 0)
        return errno == EEXIST || complain(path);
    bool ok = write_all(fd, slice_make(f->octets, f->len));
    ok = close(fd) == 0 && ok;
    *ret_is_new = true;
    return ok || complain(path);
}

static int export_all(const char *folder) {
    size_t n_written = 0, n_kept = 0;
    for (size_t i = 0; i < pages_builtin_n; i++) {
        bool is_new;
        if (!export_file(folder, &pages_builtin[i], &is_new))
            return 1;
        if (is_new) {
            n_written++;
        } else {
            n_kept++;
            (void)printf("%s/%s is there already and stays as it is\n", folder, pages_builtin[i].path);
        }
    }
    (void)printf("martlet: %zu files written to %s, %zu kept; delete those that you do not change\n", n_written, folder,
                 n_kept);
    return 0;
}

static uint16_t parse_port(const char *value) {
    uint32_t n;
    if (!slice_to_u32(slice_from_cstr(value), &n) || n == 0 || n > UINT16_MAX)
        command_misuse(&web_command, "--port wants a number from 1 to 65535, not \"%s\"", value);
    return (uint16_t)n;
}

static int run_web(int argc, char **argv) {
    static const struct option options[] = {
        {"preview", no_argument, NULL, 'p'},      {"export", required_argument, NULL, 'e'},
        {"config", required_argument, NULL, 'c'}, {"folder", required_argument, NULL, 'f'},
        {"port", required_argument, NULL, 'P'},   {"set", required_argument, NULL, 's'},
        {"help", no_argument, NULL, 'h'},         {0},
    };
    struct command_sets sets = {0};
    struct web_preview preview = {.overrides = sets.values, .port = PREVIEW_PORT};
    bool wants_preview = false;
    const char *export_folder = NULL;
    char folder_setting[PATH_MAX + 16];
    const char *of_preview = NULL; // an option that is for nothing else
    int option;
    while ((option = command_next_option(&web_command, argc, argv, options)) != -1) {
        if (option == 'p') {
            wants_preview = true;
        } else if (option == 'e') {
            export_folder = optarg;
        } else if (option == 'c') {
            preview.config_path = optarg;
            of_preview = "--config";
        } else if (option == 'f') {
            of_preview = "--folder";
            (void)snprintf(folder_setting, sizeof(folder_setting), "www_folder=%s", optarg);
            command_add_set(&sets, folder_setting);
        } else if (option == 'P') {
            preview.port = parse_port(optarg);
            of_preview = "--port";
        } else {
            of_preview = "--set";
            command_add_set(&sets, optarg);
        }
    }
    if (optind < argc)
        command_refuse_word(&web_command, argv[optind]);
    if (wants_preview == (export_folder != NULL))
        command_misuse(&web_command, "one of --preview and --export is wanted");
    if (!wants_preview && of_preview != NULL)
        command_misuse(&web_command, "--export takes no %s", of_preview);
    return wants_preview ? web_preview_run(&preview) : export_all(export_folder);
}

const struct command web_command = {
    .name = "web",
    .summary = "show the web pages while they are edited, or write them out",
    .usage = "web --preview [--config FILE] [--folder DIR] [--port N] [--set KEY=VALUE]...\n"
             "       martlet web --export DIR\n"
             "\n"
             "The preview serves the pages on http://127.0.0.1:8080/ and reads every file again for each\n"
             "request. What is wrong with a file is told here and in the place of the page. With\n"
             "registration=invite, /?t=TOKEN shows the page of an invited visitor.\n"
             "\n"
             "  --config FILE      the configuration that the pages speak of; a sample\n"
             "  --folder DIR       the folder of own pages; www_folder of the configuration\n"
             "  --port N           8080\n"
             "  --set KEY=VALUE    a configuration key; may be repeated\n"
             "  --export DIR       writes the built-in pages there; no file is overwritten",
    .run = run_web,
};
