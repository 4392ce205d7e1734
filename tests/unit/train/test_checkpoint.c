/* Checkpoints: every bit comes back; what is damaged or another network's is refused by name. */
#include "input.h"
#include "suite.h"

#include "train/checkpoint.h"

#include <unistd.h>

typedef struct fixture {
    avsound_context *context;
    avsound_model *model;
    avsn_store *store;
    avsn_checkpoint_blocks blocks;
    char path[64];
} fixture;

static float *filled(const avsn_store *store, float first)
{
    float *block = avsn_store_block(store);
    for (size_t k = 0; k < store->floats; k++)
        block[k] = first + (float)k / 3;
    return block;
}

static fixture set_up(const char *arch)
{
    fixture f = {0};
    ck_avsound(avsound_context_create(NULL, &f.context));
    ck_avsound(avsound_model_create(f.context, arch, "{\"width\": 0.0625}", 1, &f.model));
    ck_avsound(avsn_store_create(f.model, &f.store));
    f.blocks = (avsn_checkpoint_blocks){
        .values = f.store->values, .mean = filled(f.store, 1), .square = filled(f.store, 2), .average = filled(f.store, 3)};
    snprintf(f.path, sizeof f.path, "checkpoint-%d.safetensors", (int)getpid());
    return f;
}

static void tear_down(fixture *f)
{
    avsn_free(f->context, f->blocks.mean);
    avsn_free(f->context, f->blocks.square);
    avsn_free(f->context, f->blocks.average);
    avsn_store_free(f->store);
    avsound_model_free(f->model);
    avsound_context_free(f->context);
    unlink(f->path);
}

static const char *const keys[] = {"progress"}, *const texts[] = {"{\"step\": 7}"};

static void check_return(const char *arch)
{
    fixture f = set_up(arch);
    for (size_t k = 0; k < f.store->floats; k++)
        f.store->values[k] = (float)k / 7;
    ck_avsound(avsn_checkpoint_write(f.store, &f.blocks, f.path, keys, texts, 1));
    avsn_store *other;
    ck_avsound(avsn_store_create(f.model, &other));
    const avsn_checkpoint_blocks back = {.values = other->values,
                                         .mean = avsn_store_block(other),
                                         .square = avsn_store_block(other),
                                         .average = avsn_store_block(other)};
    memset(other->values, 0, other->floats * sizeof(float));
    avsn_safetensors *file;
    ck_avsound(avsn_safetensors_open(f.context, f.path, &file));
    ck_avsound(avsn_checkpoint_read(other, &back, file));
    ck_assert_str_eq(avsn_safetensors_metadata(file, "progress"), texts[0]);
    for (int32_t i = 0; i < other->params.count; i++) {
        const size_t begin = other->items[i].begin, bytes = other->items[i].count * sizeof(float);
        ck_assert_mem_eq(back.values + begin, f.blocks.values + begin, bytes);
        ck_assert_mem_eq(back.mean + begin, f.blocks.mean + begin, bytes);
        ck_assert_mem_eq(back.square + begin, f.blocks.square + begin, bytes);
        ck_assert_mem_eq(back.average + begin, f.blocks.average + begin, bytes);
    }
    avsn_safetensors_free(file);
    avsn_free(f.context, back.mean);
    avsn_free(f.context, back.square);
    avsn_free(f.context, back.average);
    avsn_store_free(other);
    tear_down(&f);
}

/* The multisensory network's blocks have state that only training has. */
START_TEST(everything_comes_back)
{
    check_return("avol-net");
    check_return("multisensory");
}
END_TEST

START_TEST(another_networks_is_refused)
{
    fixture f = set_up("avol-net"), other = set_up("ave-net");
    ck_avsound(avsn_checkpoint_write(f.store, &f.blocks, f.path, keys, texts, 1));
    avsn_safetensors *file;
    ck_avsound(avsn_safetensors_open(f.context, f.path, &file));
    ck_refused(avsn_checkpoint_read(other.store, &other.blocks, file), AVSOUND_E_FORMAT, "value.fc3.bias is missing");
    avsn_safetensors_free(file);
    tear_down(&other);
    tear_down(&f);
}
END_TEST

START_TEST(numbers_that_are_none_are_refused)
{
    fixture f = set_up("avol-net");
    f.blocks.square[f.store->items[0].begin + 1] = INFINITY;
    ck_avsound(avsn_checkpoint_write(f.store, &f.blocks, f.path, keys, texts, 1));
    avsn_safetensors *file;
    ck_avsound(avsn_safetensors_open(f.context, f.path, &file));
    ck_refused(avsn_checkpoint_read(f.store, &f.blocks, file), AVSOUND_E_FORMAT, "holds inf at element 1");
    avsn_safetensors_free(file);
    tear_down(&f);
}
END_TEST

/* Every byte of the header, and some of the tensors'. */
START_TEST(every_beginning_of_a_file_is_refused)
{
    fixture f = set_up("sync-net");
    ck_avsound(avsn_checkpoint_write(f.store, &f.blocks, f.path, keys, texts, 1));
    input in = input_of_file(f.path);
    uint64_t header;
    memcpy(&header, in.data, sizeof header);
    for (size_t size = 0; size < in.size; size += size < header + 16 ? 1 : 4099) {
        input part = input_of(in.data, size);
        avsn_safetensors *file;
        ck_refused(avsn_safetensors_open_memory(f.context, part.data, size, false, &file), AVSOUND_E_FORMAT, "model in memory: ");
        ck_assert_ptr_null(file);
        input_drop(&part);
    }
    input_drop(&in);
    tear_down(&f);
}
END_TEST

SUITE("train.checkpoint", everything_comes_back, another_networks_is_refused, numbers_that_are_none_are_refused,
      every_beginning_of_a_file_is_refused)
