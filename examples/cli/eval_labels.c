/* The labels of clips and the tree they hang in. */
#include <stdlib.h>
#include <string.h>

#include "eval.h"

typedef struct tree_node {
    char *name, *id; /* id: NULL but in AudioSet's ontology */
} tree_node;

typedef struct tree {
    tree_node *nodes;
    int32_t (*edges)[2]; /* child, parent */
    int32_t node_count;
    size_t edge_count, node_room, edge_room;
} tree;

static bool grow(void **array, size_t *room, size_t used, size_t size)
{
    if (used < *room)
        return true;
    const size_t wanted = *room ? 2 * *room : 64;
    void *grown = realloc(*array, wanted * size);
    if (!grown)
        return false;
    *array = grown;
    *room = wanted;
    return true;
}

static int32_t find(const tree *t, const char *name)
{
    for (int32_t i = 0; i < t->node_count; i++)
        if (!strcmp(t->nodes[i].name, name) || (t->nodes[i].id && !strcmp(t->nodes[i].id, name)))
            return i;
    return -1;
}

static int32_t add_node(tree *t, const char *name, const char *id)
{
    void *nodes = t->nodes;
    const bool room = grow(&nodes, &t->node_room, (size_t)t->node_count, sizeof *t->nodes);
    t->nodes = nodes;
    char *name_copy = room ? strdup(name) : NULL, *id_copy = id && room ? strdup(id) : NULL;
    if (!name_copy || (id && !id_copy)) {
        free(name_copy);
        free(id_copy);
        return -1;
    }
    t->nodes[t->node_count] = (tree_node){name_copy, id_copy};
    return t->node_count++;
}

static int32_t find_or_add(tree *t, const char *name)
{
    const int32_t known = find(t, name);
    return known < 0 ? add_node(t, name, NULL) : known;
}

static bool add_edge(tree *t, int32_t child, int32_t parent)
{
    void *edges = t->edges;
    const bool room = grow(&edges, &t->edge_room, t->edge_count, sizeof *t->edges);
    t->edges = edges;
    if (child < 0 || parent < 0 || !room)
        return false;
    if (child != parent) { /* "thing" may be written as its own parent */
        t->edges[t->edge_count][0] = child;
        t->edges[t->edge_count++][1] = parent;
    }
    return true;
}

static void free_tree(tree *t)
{
    for (int32_t i = 0; i < t->node_count; i++) {
        free(t->nodes[i].name);
        free(t->nodes[i].id);
    }
    free(t->nodes);
    free(t->edges);
}

/* ---- forms of trees ---- */

/* {"child": "parent", ...}, as in world.json */
static bool take_parents(tree *t, json_t *parents)
{
    const char *child;
    json_t *parent;
    json_object_foreach(parents, child, parent)
    {
        const char *name = json_string_value(parent);
        const int32_t node = find_or_add(t, child);
        if (node < 0 || (name && *name && !add_edge(t, node, find_or_add(t, name))))
            return false;
    }
    return true;
}

/* [{"id": ..., "name": ..., "child_ids": [...]}, ...], AudioSet's ontology */
static bool take_ontology(tree *t, json_t *list)
{
    size_t i, k;
    json_t *one, *child;
    json_array_foreach(list, i, one)
    {
        const char *id = json_string_value(json_object_get(one, "id"));
        const char *name = json_string_value(json_object_get(one, "name"));
        if (!id || !name || add_node(t, name, id) < 0)
            return false;
    }
    json_array_foreach(list, i, one) json_array_foreach(json_object_get(one, "child_ids"), k, child)
    {
        const char *id = json_string_value(child);
        if (!id || !add_edge(t, find(t, id), (int32_t)i))
            return false;
    }
    return true;
}

static int read_json_tree(const char *path, tree *t)
{
    json_error_t error;
    json_t *j = json_load_file(path, 0, &error), *parents = json_object_get(j, "tree");
    if (!j)
        return cli_error(CLI_INPUT, "%s: %s", path, error.text);
    const bool good = json_is_array(j)
                          ? take_ontology(t, j)
                          : json_is_object(parents ? parents : j) && take_parents(t, parents ? parents : j);
    json_decref(j);
    return good ? CLI_OK
                : cli_error(CLI_INPUT, "%s: is no tree: want {child: parent, ...} or AudioSet's ontology", path);
}

/* A header, then a line for each child and one of its parents. */
static int read_csv_tree(const char *path, tree *t)
{
    eval_csv csv;
    int code = eval_csv_read(path, &csv);
    if (!code && csv.columns < 2)
        code = cli_error(CLI_INPUT, "%s: has one column, want child and parent", path);
    for (int64_t row = 1; !code && row < csv.rows; row++) {
        const char *parent = eval_csv_field(&csv, row, 1);
        const int32_t child = find_or_add(t, eval_csv_field(&csv, row, 0));
        if (child < 0 || (*parent && !add_edge(t, child, find_or_add(t, parent))))
            code = cli_error(CLI_RESOURCES, "%s: out of memory", path);
    }
    eval_csv_free(&csv);
    return code;
}

/* "instrument:piano" hangs on "instrument". */
static bool add_path(tree *t, const char *label)
{
    char prefix[256];
    int32_t below = find_or_add(t, label);
    for (size_t n = strlen(label); below >= 0 && n; n--) {
        if (label[n] != ':' || n >= sizeof prefix)
            continue;
        memcpy(prefix, label, n);
        prefix[n] = 0;
        const bool known = find(t, prefix) >= 0;
        const int32_t above = find_or_add(t, prefix);
        if (!add_edge(t, below, above))
            return false;
        if (known)
            return true;
        below = above;
    }
    return below >= 0;
}

/* ---- the clips' labels ---- */

static int add_label(eval_labels *l, int32_t node, int32_t *label)
{
    for (*label = 0; *label < l->count; ++*label)
        if (l->nodes[*label] == node)
            return CLI_OK;
    void *nodes = l->nodes;
    const bool room = grow(&nodes, &l->room, (size_t)l->count, sizeof *l->nodes);
    l->nodes = nodes;
    if (!room)
        return cli_error(CLI_RESOURCES, "labels: out of memory");
    l->nodes[l->count++] = node;
    return CLI_OK;
}

static int add_clip_label(eval_labels *l, tree *t, const eval_clip *clip, const char *name, bool paths)
{
    int32_t node = find(t, name), label;
    if (node < 0 && paths) {
        if (!add_path(t, name))
            return cli_error(CLI_RESOURCES, "labels: out of memory");
        node = find(t, name);
    }
    if (node < 0)
        return cli_error(CLI_INPUT, "%s: its label \"%s\" is not in the tree", clip->file, name);
    void *list = l->labels;
    const bool room = grow(&list, &l->label_room, l->label_count, sizeof *l->labels);
    l->labels = list;
    if (!room)
        return cli_error(CLI_RESOURCES, "labels: out of memory");
    const int code = add_label(l, node, &label);
    l->labels[l->label_count++] = label;
    return code;
}

static int add_clip_labels(eval_labels *l, tree *t, const eval_clip *clip, bool paths)
{
    char name[256];
    for (const char *at = clip->labels; *at;) {
        const size_t length = strcspn(at, "|");
        if (length >= sizeof name)
            return cli_error(CLI_INPUT, "%s: a label of %zu letters is too long", clip->file, length);
        snprintf(name, sizeof name, "%.*s", (int)length, at);
        at += length + (at[length] == '|');
        const int code = *name ? add_clip_label(l, t, clip, name, paths) : CLI_OK;
        if (code)
            return code;
    }
    return CLI_OK;
}

static int measure(const eval *e, eval_labels *l, const tree *t)
{
    const size_t n = l->count ? (size_t)l->count : 1;
    l->distances = malloc(n * n * sizeof *l->distances);
    if (!l->distances)
        return cli_error(CLI_RESOURCES, "labels: out of memory");
    const avsound_status status =
        avsound_label_distances(e->c->context, t->node_count, t->edge_count ? t->edges[0] : NULL,
                                (int64_t)t->edge_count, l->nodes, l->count, l->distances);
    return status ? cli_input_failed("--tree", status) : CLI_OK;
}

/* world.json beside the manifest. */
static bool find_world(const eval *e, char *path, size_t size)
{
    const char *data = e->data.path, *slash = strrchr(data, '/');
    const int folder = cli_ends_with(data, ".csv") ? slash ? (int)(slash - data) : 0 : (int)strlen(data);
    snprintf(path, size, "%.*s%sworld.json", folder, data, folder ? "/" : "");
    FILE *file = e->data.has_truth ? fopen(path, "rb") : NULL;
    if (file)
        fclose(file);
    return file;
}

int eval_labels_read(const eval *e, const int64_t *clips, int64_t count, eval_labels *out)
{
    char world[4096];
    tree t = {0};
    const char *path = e->c->args.tree;
    *out = (eval_labels){0};
    if (!path && find_world(e, world, sizeof world))
        path = world;
    if (!path || !e->data.has_labels)
        return CLI_OK;
    const bool paths = !strcmp(path, "paths");
    int code = paths ? CLI_OK : cli_ends_with(path, ".json") ? read_json_tree(path, &t) : read_csv_tree(path, &t);
    out->starts = calloc((size_t)count + 1, sizeof *out->starts);
    if (!code && !out->starts)
        code = cli_error(CLI_RESOURCES, "labels: out of memory");
    for (int64_t i = 0; !code && i < count; i++) {
        code = add_clip_labels(out, &t, &e->data.clips[clips[i]], paths);
        out->starts[i + 1] = (int64_t)out->label_count;
    }
    if (!code)
        code = measure(e, out, &t);
    free_tree(&t);
    if (code)
        eval_labels_free(out);
    return code;
}

void eval_labels_free(eval_labels *labels)
{
    free(labels->starts);
    free(labels->labels);
    free(labels->distances);
    free(labels->nodes);
    *labels = (eval_labels){0};
}
