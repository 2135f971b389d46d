/* PIDF as phones mostly send it, cut into its pieces (docs/decisions/0022-heads-in-c.md): the grammar is that of the
   expressions in presence/documents/pidf_plain.py, which do the same in Python. */

#define _GNU_SOURCE
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <string.h>
#include <strings.h>

/* As pidf_plain.py numbers them. */
enum {
    DECLARATIONS, IN_TUPLE, IN_PERSON, NOTE, BASIC, PRIORITY, CONTACT, TIMESTAMP, STATUS, EXTENSION, DM_TIMESTAMP,
    DM_NOTE, END
};

/* A place in the document; NULL wherever something did not match. */
typedef const char *Place;

typedef struct {
    Place end;
    PyObject *found; /* list of (what, text) */
    int failed;      /* with an exception */
} Scan;

/* -- characters --------------------------------------------------------------------------------------------------- */

enum { SPACE = 1, WORD = 2, LETTER = 4, DIGIT = 8, DOT_DASH = 16, TEXT = 32, URI = 64, MOMENT = 128 };

static unsigned char kinds[256];

static void
set_kinds(void)
{
    for (int each = 0; each < 256; each++) {
        int kind = 0;
        if (each == 0x09 || each == 0x0a || each >= 0x20) {
            kind |= TEXT;
        }
        if (each > 0x20 && each < 0x7f) {
            kind |= URI;
        }
        kinds[each] = (unsigned char)kind;
    }
    for (int each = 'a'; each <= 'z'; each++) {
        kinds[each] |= WORD | LETTER;
        kinds[each - 'a' + 'A'] |= WORD | LETTER;
    }
    for (int each = '0'; each <= '9'; each++) {
        kinds[each] |= WORD | DIGIT | MOMENT;
    }
    kinds['_'] |= WORD;
    kinds['.'] |= DOT_DASH | MOMENT;
    kinds['-'] |= DOT_DASH | MOMENT;
    for (Place each = "T:Z+"; *each; each++) {
        kinds[(unsigned char)*each] |= MOMENT;
    }
    for (Place each = " \t\r\n"; *each; each++) {
        kinds[(unsigned char)*each] |= SPACE;
    }
    for (Place each = "<>&"; *each; each++) {
        kinds[(unsigned char)*each] &= (unsigned char)~(TEXT | URI);
    }
    for (Place each = "%#[]"; *each; each++) {
        kinds[(unsigned char)*each] &= (unsigned char)~URI;
    }
}

static Place
past(Place at, Place end, int kind)
{
    while (at < end && (kinds[(unsigned char)*at] & kind)) {
        at++;
    }
    return at;
}

static Place
past_one(Place at, Place end, int kind)
{
    Place stop = past(at, end, kind);
    return stop == at ? NULL : stop;
}

static Place
literal(Place at, Place end, const char *text, size_t size)
{
    return at != NULL && (size_t)(end - at) >= size && memcmp(at, text, size) == 0 ? at + size : NULL;
}
#define LITERAL(at, end, text) literal(at, end, text, sizeof text - 1)

static int
is(Place at, Place end, int kind)
{
    return at < end && (kinds[(unsigned char)*at] & kind);
}

/* -- pieces ------------------------------------------------------------------------------------------------------- */

static int
add(Scan *scan, int what, Place from, Place to)
{
    PyObject *text = PyBytes_FromStringAndSize(from, to - from);
    PyObject *number = PyLong_FromLong(what);
    PyObject *pair = text == NULL || number == NULL ? NULL : PyTuple_Pack(2, number, text);
    Py_XDECREF(text);
    Py_XDECREF(number);
    scan->failed = pair == NULL || PyList_Append(scan->found, pair) != 0;
    Py_XDECREF(pair);
    return !scan->failed;
}

/* A name without a colon. */
static Place
name(Place at, Place end)
{
    return is(at, end, LETTER) || (at < end && *at == '_') ? past(at + 1, end, WORD | DOT_DASH) : NULL;
}

/* Declarations of namespaces: past all that there are. */
static Place
declarations(Place at, Place end)
{
    for (;;) {
        Place next = past_one(at, end, SPACE);
        next = next == NULL ? NULL : LITERAL(next, end, "xmlns");
        if (next != NULL && next < end && *next == ':') {
            next = name(next + 1, end);
        }
        next = LITERAL(next, end, "=\"");
        if (next == NULL) {
            return at;
        }
        Place stop = next;
        while (stop < end && (unsigned char)*stop > 0x20 && strchr("\"<>&", *stop) == NULL) {
            stop++;
        }
        if (stop == next || stop == end || *stop != '"') {
            return at;
        }
        at = stop + 1;
    }
}

static Place
xml_declaration(Place at, Place end)
{
    Place next = LITERAL(at, end, "<?xml version=\"1.0\"");
    if (next == NULL) {
        return at;
    }
    Place encoding = LITERAL(next, end, " encoding=\"");
    if (encoding != NULL && end - encoding >= 6 && strncasecmp(encoding, "utf-8\"", 6) == 0) {
        next = encoding + 6;
    }
    Place alone = LITERAL(next, end, " standalone=\"");
    Place yes = LITERAL(alone, end, "yes\""), no = LITERAL(alone, end, "no\"");
    next = yes != NULL ? yes : no != NULL ? no : next;
    next += next < end && *next == ' ';
    next = LITERAL(next, end, "?>");
    return next == NULL ? at : past(next, end, SPACE);
}

/* Past the start tag of the root; what it declares is kept. */
static Place
head(Scan *scan, Place at)
{
    Place end = scan->end;
    at = xml_declaration(past(at, end, SPACE), end);
    at = LITERAL(at, end, "<presence");
    if (at == NULL) {
        return NULL;
    }
    Place first = at, first_end = declarations(at, end), second = first_end, second_end = first_end;
    at = first_end;
    Place entity = past_one(at, end, SPACE);
    entity = entity == NULL ? NULL : LITERAL(entity, end, "entity=\"");
    if (entity != NULL) {
        while (entity < end && (unsigned char)*entity > 0x1f && strchr("\"<>&", *entity) == NULL) {
            entity++;
        }
        if (entity < end && *entity == '"') {
            second = entity + 1;
            at = second_end = declarations(second, end);
        }
    }
    at = LITERAL(past(at, end, SPACE), end, ">");
    if (at == NULL) {
        return NULL;
    }
    PyObject *text = PyBytes_FromStringAndSize(NULL, (first_end - first) + (second_end - second));
    if (text == NULL) {
        scan->failed = 1;
        return NULL;
    }
    memcpy(PyBytes_AS_STRING(text), first, (size_t)(first_end - first));
    memcpy(PyBytes_AS_STRING(text) + (first_end - first), second, (size_t)(second_end - second));
    int added = add(scan, DECLARATIONS, PyBytes_AS_STRING(text), PyBytes_AS_STRING(text) + PyBytes_GET_SIZE(text));
    Py_DECREF(text);
    return added ? at : NULL;
}

/* ` id="..">`, which is added as `what`. */
static Place
identified(Scan *scan, Place at, int what)
{
    Place end = scan->end;
    at = at == NULL ? NULL : past_one(at, end, SPACE);
    Place ident = LITERAL(at, end, "id=\"");
    Place stop = ident == NULL ? NULL : name(ident, end);
    at = LITERAL(stop, end, "\"");
    at = at == NULL ? NULL : LITERAL(past(at, end, SPACE), end, ">");
    return at != NULL && add(scan, what, ident, stop) ? at : NULL;
}

/* ` xml:lang="en-GB"`: past it, or where it was if it is not there. */
static Place
language(Place at, Place end)
{
    Place next = LITERAL(at, end, " xml:lang=\"");
    if (next == NULL) {
        return at;
    }
    for (int kind = LETTER;; kind = LETTER | DIGIT, next++) {
        Place stop = past(next, end, kind);
        if (stop == next || stop - next > 8 || stop == end) {
            return at;
        }
        next = stop;
        if (*next == '"') {
            return next + 1;
        }
        if (*next != '-') {
            return at;
        }
    }
}

/* A note from `<` on, which begins with `start` and ends with `stop`. */
static Place
note(Scan *scan, Place at, int what, const char *start, const char *stop)
{
    Place end = scan->end, from = at;
    at = literal(at, end, start, strlen(start));
    at = at == NULL ? NULL : LITERAL(language(at, end), end, ">");
    if (at == NULL) {
        return NULL;
    }
    for (;;) {
        at = past(at, end, TEXT);
        if (at == end || *at != '&') {
            break;
        }
        static const char *const entities[] = {"&amp;", "&lt;", "&gt;", "&quot;"};
        Place next = NULL;
        for (int index = 0; index < 4 && next == NULL; index++) {
            next = literal(at, end, entities[index], strlen(entities[index]));
        }
        if (next == NULL) {
            break;
        }
        at = next;
    }
    at = literal(at, end, stop, strlen(stop));
    return at != NULL && add(scan, what, from, at) ? at : NULL;
}

static Place
timestamp(Scan *scan, Place at, int what, const char *start, const char *stop)
{
    Place end = scan->end;
    at = literal(at, end, start, strlen(start));
    Place past_it = at == NULL ? NULL : past_one(at, end, MOMENT);
    Place next = past_it == NULL ? NULL : literal(past_it, end, stop, strlen(stop));
    return next != NULL && add(scan, what, at, past_it) ? next : NULL;
}

static Place
closing(Scan *scan, Place at, const char *tag)
{
    Place end = scan->end, from = at;
    at = literal(at, end, tag, strlen(tag));
    at = at == NULL ? NULL : LITERAL(past(at, end, SPACE), end, ">");
    return at != NULL && add(scan, END, from, at) ? at : NULL;
}

static Place
basic(Scan *scan, Place at)
{
    Place end = scan->end;
    at = LITERAL(at, end, "<status>");
    Place word = at == NULL ? NULL : LITERAL(past(at, end, SPACE), end, "<basic>");
    Place open = LITERAL(word, end, "open"), closed = LITERAL(word, end, "closed");
    Place stop = open != NULL ? open : closed;
    at = LITERAL(stop, end, "</basic>");
    at = at == NULL ? NULL : LITERAL(past(at, end, SPACE), end, "</status>");
    return at != NULL && add(scan, BASIC, word, stop) ? at : NULL;
}

static Place
contact(Scan *scan, Place at)
{
    Place end = scan->end, from = at;
    at = LITERAL(at, end, "<contact");
    Place given = LITERAL(at, end, " priority=\""), given_end = NULL;
    if (given != NULL && given < end && (*given == '0' || *given == '1')) {
        given_end = given + 1;
        if (given_end < end && *given_end == '.') {
            Place digits = given_end + 1, stop = past(digits, end, DIGIT);
            int fine = stop > digits && stop - digits <= 3;
            for (Place each = digits; fine && *given == '1' && each < stop; each++) {
                fine = *each == '0';
            }
            given_end = fine ? stop : NULL;
        }
        at = LITERAL(given_end, end, "\"");
    }
    at = LITERAL(at, end, ">");
    if (at == NULL || !is(at, end, LETTER)) {
        return NULL;
    }
    while (at < end && ((kinds[(unsigned char)*at] & (LETTER | DIGIT | DOT_DASH)) || *at == '+')) {
        at++;
    }
    at = LITERAL(at, end, ":");
    if (at == NULL || LITERAL(at, end, "//") != NULL) {
        return NULL;
    }
    at = past_one(at, end, URI);
    at = at == NULL ? NULL : LITERAL(at, end, "</contact>");
    if (at == NULL || (given_end != NULL && !add(scan, PRIORITY, given, given_end))) {
        return NULL;
    }
    return add(scan, CONTACT, from, at) ? at : NULL;
}

static Place
status(Scan *scan, Place at)
{
    Place end = scan->end, from = at;
    at = LITERAL(at, end, "<status");
    at = at == NULL ? NULL : past(at, end, SPACE);
    Place next = LITERAL(at, end, "/>");
    if (next == NULL && (at = LITERAL(at, end, ">")) != NULL) {
        next = memmem(at, (size_t)(end - at), "</status>", 9);
        next = next == NULL ? NULL : next + 9;
    }
    return next != NULL && add(scan, STATUS, from, next) ? next : NULL;
}

/* Any element with a prefix, up to the first end tag of its name. */
static Place
extension(Scan *scan, Place at)
{
    Place end = scan->end, from = at;
    at = LITERAL(at, end, "<");
    Place qname = at, stop = at == NULL ? NULL : name(at, end);
    stop = LITERAL(stop, end, ":");
    stop = stop == NULL ? NULL : past_one(stop, end, WORD | DOT_DASH);
    if (stop == NULL || stop == end || !(is(stop, end, SPACE) || *stop == '/' || *stop == '>')) {
        return NULL;
    }
    at = stop;
    while (at < end && *at != '<' && *at != '>') {
        at++;
    }
    if (at == end || *at != '>') {
        return NULL;
    }
    if (at[-1] != '/') {
        Place tag = at;
        size_t size = (size_t)(stop - qname);
        do {
            tag = memmem(tag + 1, (size_t)(end - tag - 1), "</", 2);
        } while (tag != NULL && !((size_t)(end - tag) > size + 2 && memcmp(tag + 2, qname, size) == 0
                                  && tag[size + 2] == '>'));
        if (tag == NULL) {
            return NULL;
        }
        at = tag + size + 2;
    }
    return add(scan, EXTENSION, from, at + 1) ? at + 1 : NULL;
}

/* -- the document ------------------------------------------------------------------------------------------------- */

#define TRY(call)                  \
    if ((next = call) != NULL) {   \
        return next;               \
    }                              \
    if (scan->failed) {            \
        return NULL;               \
    }

static Place
in_tuple(Scan *scan, Place at)
{
    Place next;
    TRY(basic(scan, at))
    TRY(contact(scan, at))
    TRY(timestamp(scan, at, TIMESTAMP, "<timestamp>", "</timestamp>"))
    TRY(note(scan, at, NOTE, "<note", "</note>"))
    TRY(closing(scan, at, "</tuple"))
    TRY(status(scan, at))
    TRY(extension(scan, at))
    return NULL;
}

static Place
in_person(Scan *scan, Place at)
{
    Place next;
    TRY(timestamp(scan, at, TIMESTAMP, "<timestamp>", "</timestamp>"))
    TRY(timestamp(scan, at, DM_TIMESTAMP, "<dm:timestamp>", "</dm:timestamp>"))
    TRY(note(scan, at, DM_NOTE, "<dm:note", "</dm:note>"))
    TRY(closing(scan, at, "</dm:person"))
    if (LITERAL(at, scan->end, "<dm:") == NULL) {
        TRY(extension(scan, at))
    }
    return NULL;
}

/* Whether the last piece that was found is the end of an element. */
static int
ended(Scan *scan)
{
    PyObject *last = PyList_GET_ITEM(scan->found, PyList_GET_SIZE(scan->found) - 1);
    return PyLong_AsLong(PyTuple_GET_ITEM(last, 0)) == END;
}

static Place
element(Scan *scan, Place at, Place (*inside)(Scan *, Place))
{
    do {
        at = at == NULL ? NULL : inside(scan, past(at, scan->end, SPACE));
    } while (at != NULL && !ended(scan));
    return at;
}

static PyObject *
scan_document(PyObject *module, PyObject *const *given, Py_ssize_t count)
{
    (void)module;
    if (count != 2 || !PyBytes_Check(given[0]) || !PyLong_Check(given[1])) {
        PyErr_SetString(PyExc_TypeError, "scan(data, depth)");
        return NULL;
    }
    Place at = PyBytes_AS_STRING(given[0]);
    Py_ssize_t depth = PyLong_AsSsize_t(given[1]), tags = 0;
    Scan scan = {at + PyBytes_GET_SIZE(given[0]), NULL, 0};
    if (depth == -1 && PyErr_Occurred()) {
        return NULL;
    }
    for (Place tag = at; (tag = memmem(tag, (size_t)(scan.end - tag), "</", 2)) != NULL; tag += 2) {
        tags++;
    }
    if (tags >= depth) {
        Py_RETURN_NONE;
    }
    scan.found = PyList_New(0);
    if (scan.found == NULL) {
        return NULL;
    }
    at = head(&scan, at);
    while (at != NULL && !scan.failed) {
        at = past(at, scan.end, SPACE);
        Place next = LITERAL(at, scan.end, "</presence");
        if (next != NULL) {
            next = LITERAL(past(next, scan.end, SPACE), scan.end, ">");
            if (next != NULL && past(next, scan.end, SPACE) == scan.end) {
                return scan.found;
            }
            break;
        }
        if ((next = identified(&scan, LITERAL(at, scan.end, "<tuple"), IN_TUPLE)) != NULL) {
            at = element(&scan, next, in_tuple);
        } else if (!scan.failed
                   && (next = identified(&scan, LITERAL(at, scan.end, "<dm:person"), IN_PERSON)) != NULL) {
            at = element(&scan, next, in_person);
        } else {
            at = scan.failed ? NULL : note(&scan, at, NOTE, "<note", "</note>");
        }
    }
    Py_DECREF(scan.found);
    if (scan.failed) {
        return NULL;
    }
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"scan", (PyCFunction)(void (*)(void))scan_document, METH_FASTCALL,
     "As presence.documents.pidf_plain.scan_in_python."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "presence._pidf", "PIDF cut into its pieces.", -1, methods, NULL, NULL, NULL, NULL,
};

PyMODINIT_FUNC
PyInit__pidf(void)
{
    set_kinds();
    return PyModule_Create(&definition);
}
