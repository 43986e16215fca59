// SPDX-License-Identifier: MIT
#include "martlet/host/trim.h"

#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

enum { WORTH_IT = 512 * 1024 };

void trim_if_due(struct trim *t, uint64_t now_ms, uint64_t every_ms) {
    if (now_ms - t->looked_ms < every_ms)
        return;
    t->looked_ms = now_ms;
    // Counts what was given back as free too, so it stands still while nothing happens.
    size_t free_now = mallinfo2().fordblks;
    size_t change = free_now > t->free_then ? free_now - t->free_then : t->free_then - free_now;
    if (change < WORTH_IT)
        return;
    (void)malloc_trim(0);
    t->free_then = mallinfo2().fordblks;
}

// A segment that cannot be written has nothing but what is in its file; what of it is needed again comes back from the
// page cache. Not so the pages that the linker has written to: they belong to a writable segment.
static int leave_code(struct dl_phdr_info *object, size_t size, void *arg) {
    const uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    for (size_t i = 0; i < object->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &object->dlpi_phdr[i];
        if (segment->p_type != PT_LOAD || (segment->p_flags & PF_W) != 0)
            continue;
        uintptr_t begin = (object->dlpi_addr + segment->p_vaddr) & ~(page - 1);
        uintptr_t end = object->dlpi_addr + segment->p_vaddr + segment->p_memsz;
        (void)madvise((void *)begin, end - begin, MADV_DONTNEED); // it is a favour, nothing depends on it
    }
    return 0;
}

void trim_after_start(void) {
    (void)malloc_trim(0);
    (void)dl_iterate_phdr(leave_code, NULL);
}
