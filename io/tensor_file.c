/* tensor_file.c - opens a file of weights and gives it to the reader of its format; see tensor_file.h. */
#include <string.h>

#include "io/safetensors.h"
#include "io/shards.h"
#include "io/tensor_table.h"
#include "io/torch_file.h"
#include "io/zip_read.h"

static int starts_with(const hf_tensor_file *f, const char *text)
{
    size_t n = strlen(text);
    return f->n_bytes >= n && memcmp(f->bytes, text, n) == 0;
}

/* What people have in place of a file of weights after a download that went wrong. */
static int refuse_unknown(const hf_tensor_file *f, hf_error *err)
{
    static const char wanted[] = "want safetensors, a torch archive or an index of shards";
    if (starts_with(f, "version https://git-lfs"))
        return hf_fail(err, HF_EFORMAT, "%s: is a Git LFS pointer; the file itself was not downloaded (git lfs pull)", f->path);
    if (starts_with(f, "<"))
        return hf_fail(err, HF_EFORMAT, "%s: looks like a web page; %s", f->path, wanted);
    if (starts_with(f, "GGUF"))
        return hf_fail(err, HF_EUNSUPPORTED, "%s: is a GGUF file; %s", f->path, wanted);
    return hf_fail(err, HF_EFORMAT, "%s: of an unknown format; %s", f->path, wanted);
}

static int read_table(hf_tensor_file *f, int shards, hf_error *err)
{
    int rc;
    if (hf_safetensors_probe(f->bytes, f->n_bytes))
        rc = hf_safetensors_read_table(f, err);
    else if (hf_zip_probe(f->bytes, f->n_bytes))
        rc = hf_torch_archive_read_table(f, err);
    else if (hf_torch_legacy_probe(f->bytes, f->n_bytes))
        rc = hf_torch_legacy_read_table(f, err);
    else if (shards && hf_shards_probe(f->bytes, f->n_bytes))
        rc = hf_shards_read_table(f, err);
    else
        rc = refuse_unknown(f, err);
    return rc < 0 ? rc : hf_tensor_table_finish(f, err);
}

static int open_file(hf_tensor_file **out, const char *path, int shards, hf_error *err)
{
    hf_tensor_file *f = NULL;
    int rc;

    *out = NULL;
    if ((rc = hf_tensor_table_new(&f, path, err)) < 0 || (rc = hf_mapped_file_open(&f->map, path, err)) < 0)
        goto end;
    f->bytes = f->map.bytes;
    f->n_bytes = f->map.n_bytes;
    if ((rc = read_table(f, shards, err)) < 0)
        goto end;
    *out = f;
    f = NULL;
end:
    hf_tensor_file_close(&f);
    return rc;
}

int hf_tensor_file_open(hf_tensor_file **out, const char *path, hf_error *err) { return open_file(out, path, 1, err); }

int hf_tensor_file_open_single(hf_tensor_file **out, const char *path, hf_error *err)
{
    return open_file(out, path, 0, err);
}

int hf_tensor_file_open_memory(hf_tensor_file **out, const void *bytes, size_t n_bytes, const char *name, hf_error *err)
{
    hf_tensor_file *f = NULL;
    int rc;

    *out = NULL;
    if ((rc = hf_tensor_table_new(&f, name, err)) < 0)
        goto end;
    f->bytes = bytes;
    f->n_bytes = n_bytes;
    if ((rc = read_table(f, 1, err)) < 0)
        goto end;
    *out = f;
    f = NULL;
end:
    hf_tensor_file_close(&f);
    return rc;
}
