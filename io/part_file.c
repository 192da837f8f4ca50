/* part_file.c - see part_file.h. */
#include "io/part_file.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

int hf_part_file_write(const char *path, void (*write)(FILE *file, const void *ctx), const void *ctx, hf_error *err)
{
    char part[PATH_MAX];
    FILE *file;

    if (snprintf(part, sizeof(part), "%s.part", path) >= (int)sizeof(part))
        return hf_fail(err, HF_EARG, "%s: the name is too long", path);
    if (!(file = fopen(part, "w")))
        return hf_fail(err, HF_EIO, "%s: %s", part, strerror(errno));
    write(file, ctx);
    int failed = fflush(file) != 0 || ferror(file), reason = errno;
    if (fclose(file) != 0 && !failed)
        failed = 1, reason = errno;
    if (!failed && rename(part, path) != 0)
        failed = 1, reason = errno;
    if (!failed)
        return HF_OK;
    unlink(part);
    return hf_fail(err, HF_EIO, "%s: %s", path, strerror(reason));
}
