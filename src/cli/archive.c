/* archive.c - see archive.h. */
#include "src/cli/archive.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct hf_archive {
    uint64_t *digest;
    size_t    n;
};

static int add_digest(hf_archive *archive, uint64_t digest)
{
    if ((archive->n & (archive->n - 1)) == 0) { /* a power of two is full */
        size_t room = archive->n ? 2 * archive->n : 1;
        uint64_t *grown = realloc(archive->digest, room * sizeof(*grown));
        if (!grown)
            return 0;
        archive->digest = grown;
    }
    archive->digest[archive->n++] = digest;
    return 1;
}

static int read_lines(hf_archive *archive, FILE *file, const char *path, hf_error *err)
{
    char *line = NULL;
    size_t size = 0;
    int rc = HF_OK;

    for (int number = 1; rc == HF_OK && getline(&line, &size, file) >= 0; number++) {
        char *end;
        uint64_t digest = strtoull(line, &end, 16);
        if (line[0] == '\n' || line[0] == '#')
            continue;
        if (end != line + 16 || *end != ' ')
            rc = hf_fail(err, HF_EFORMAT, "%s: line %d is not of an archive of hfprop, want 16 hex digits and a name",
                         path, number);
        else if (!add_digest(archive, digest))
            rc = hf_fail(err, HF_ENOMEM, "%s: out of memory", path);
    }
    free(line);
    if (rc == HF_OK && ferror(file))
        rc = hf_fail(err, HF_EIO, "%s: %s", path, strerror(errno));
    return rc;
}

int hf_archive_read(hf_archive **out, const char *path, hf_error *err)
{
    hf_archive *archive = calloc(1, sizeof(*archive));
    FILE *file = NULL;
    int rc = HF_OK;

    *out = NULL;
    if (!archive)
        return hf_fail(err, HF_ENOMEM, "%s: out of memory", path);
    if ((file = fopen(path, "r"))) {
        rc = read_lines(archive, file, path, err);
        fclose(file);
    } else if (errno != ENOENT) {
        rc = hf_fail(err, HF_EIO, "%s: %s", path, strerror(errno));
    }
    if (rc < 0)
        hf_archive_free(&archive);
    *out = archive;
    return rc;
}

void hf_archive_free(hf_archive **archive)
{
    if (!*archive)
        return;
    free((*archive)->digest);
    free(*archive);
    *archive = NULL;
}

int hf_archive_has(const hf_archive *archive, uint64_t digest)
{
    for (size_t i = 0; archive && i < archive->n; i++)
        if (archive->digest[i] == digest)
            return 1;
    return 0;
}

int hf_archive_add(const char *path, uint64_t digest, const char *name, hf_error *err)
{
    char line[300];
    int n = snprintf(line, sizeof(line) - 1, "%016" PRIx64 " %s", digest, name);
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);

    if (n > (int)sizeof(line) - 2)
        n = (int)sizeof(line) - 2;
    for (int i = 0; i < n; i++)
        if ((unsigned char)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = '?';
    line[n++] = '\n';
    if (fd < 0 || write(fd, line, (size_t)n) != n) {
        int rc = hf_fail(err, HF_EIO, "%s: cannot be written: %s", path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return rc;
    }
    return close(fd) == 0 ? HF_OK : hf_fail(err, HF_EIO, "%s: cannot be written: %s", path, strerror(errno));
}
