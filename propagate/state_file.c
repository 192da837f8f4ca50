/* state_file.c - see state_file.h. Where the host cannot see the memory, a part goes through a copy of it. */
#include "propagate/state_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int no_memory(const char *path, size_t bytes, hf_error *err)
{
    return hf_fail(err, HF_ENOMEM, "%s: out of memory for %zu bytes of a saved state", path, bytes);
}

int hf_state_write(hf_backend *be, const void *data, size_t bytes, FILE *file, const char *path, hf_error *err)
{
    hf_tensor from = hf_tensor_view((void *)data, HF_U8, 1, (int64_t)bytes);
    void *copy = NULL;
    int rc = HF_OK;
    if (!be->host_memory) {
        if (!(copy = malloc(bytes)))
            return no_memory(path, bytes, err);
        if ((rc = be->ops.read(be, copy, &from, err)) >= 0)
            rc = be->ops.sync(be, err);
    }
    if (rc >= 0 && fwrite(copy ? copy : data, 1, bytes, file) != bytes)
        rc = hf_fail(err, HF_EIO, "%s: state not written: %s", path, strerror(errno));
    free(copy);
    return rc;
}

int hf_state_read(hf_backend *be, void *data, size_t bytes, FILE *file, const char *path, hf_error *err)
{
    hf_tensor to = hf_tensor_view(data, HF_U8, 1, (int64_t)bytes);
    void *copy = NULL;
    int rc = HF_OK;
    if (!be->host_memory && !(copy = malloc(bytes)))
        return no_memory(path, bytes, err);
    if (fread(copy ? copy : data, 1, bytes, file) != bytes)
        rc = hf_fail(err, HF_EFORMAT, "%s: ends inside a saved state", path);
    if (rc >= 0 && copy && (rc = be->ops.write(be, &to, copy, err)) >= 0)
        rc = be->ops.sync(be, err);
    free(copy);
    return rc;
}
