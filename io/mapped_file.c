/* mapped_file.c - see mapped_file.h. */
#include "io/mapped_file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

int hf_mapped_file_open(hf_mapped_file *out, const char *path, hf_error *err)
{
    struct stat st;
    int fd = -1, rc = HF_OK;

    *out = (hf_mapped_file){ .bytes = NULL };
    /* O_NONBLOCK: opening a named pipe would wait for its writer. */
    if ((fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) < 0 || fstat(fd, &st) < 0) {
        rc = hf_fail(err, HF_EIO, "%s: %s", path, strerror(errno));
        goto end;
    }
    if (!S_ISREG(st.st_mode)) {
        rc = hf_fail(err, HF_EIO, "%s: %s, want a file", path, S_ISDIR(st.st_mode) ? "is a folder" : "is no regular file");
        goto end;
    }
    if (st.st_size == 0) {
        rc = hf_fail(err, HF_EFORMAT, "%s: is empty", path);
        goto end;
    }
    void *bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED)
        rc = hf_fail(err, HF_EIO, "%s: cannot be mapped: %s", path, strerror(errno));
    else
        *out = (hf_mapped_file){ bytes, (size_t)st.st_size };
end:
    if (fd >= 0)
        close(fd);
    return rc;
}

void hf_mapped_file_close(hf_mapped_file *file)
{
    if (!file || !file->bytes)
        return;
    munmap((void *)file->bytes, file->n_bytes);
    *file = (hf_mapped_file){ .bytes = NULL };
}

void hf_mapped_file_drop(const hf_mapped_file *file, const void *data, size_t n)
{
    uintptr_t first = (uintptr_t)file->bytes, at = (uintptr_t)data, page = (uintptr_t)sysconf(_SC_PAGESIZE);
    /* Pages of memory that is not a file would come back as zeros. */
    if (!file->bytes || at < first || at - first > file->n_bytes || n > file->n_bytes - (at - first))
        return;
    uintptr_t begin = (at + page - 1) / page * page, end = (at + n) / page * page;
    if (begin < end)
        madvise((void *)begin, end - begin, MADV_DONTNEED);
}
