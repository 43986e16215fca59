// SPDX-License-Identifier: MIT
// Replays the files of corpus directories through a fuzz target, without a fuzzing engine. Each file is also fed
// truncated at every length up to 256 bytes from its end, so that a seed corpus tests the short reads too.
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void replay_file(const char *path) {
    FILE *f = fopen(path, "rb");
    if (f == NULL) {
        perror(path);
        exit(1);
    }
    static uint8_t bytes[1 << 20];
    size_t len = fread(bytes, 1, sizeof(bytes), f);
    fclose(f);
    size_t shortest = len > 256 ? len - 256 : 0;
    for (size_t n = len + 1; n-- > shortest;) {
        // A copy of the exact size lets the sanitizer see a read past the end.
        uint8_t *copy = malloc(n > 0 ? n : 1);
        if (copy == NULL)
            abort();
        memcpy(copy, bytes, n);
        (void)LLVMFuzzerTestOneInput(copy, n);
        free(copy);
    }
}

int main(int argc, char **argv) {
    size_t files = 0;
    for (int i = 1; i < argc; i++) {
        DIR *dir = opendir(argv[i]);
        if (dir == NULL) {
            perror(argv[i]);
            return 1;
        }
        struct dirent *e;
        while ((e = readdir(dir)) != NULL) {
            if (e->d_name[0] == '.')
                continue;
            char path[4096];
            int n = snprintf(path, sizeof(path), "%s/%s", argv[i], e->d_name);
            if (n < 0 || (size_t)n >= sizeof(path))
                return 1;
            replay_file(path);
            files++;
        }
        closedir(dir);
    }
    printf("replayed %zu files\n", files);
    return files > 0 ? 0 : 1;
}
