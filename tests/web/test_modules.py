"""The page's modules that are pure functions, called in the browser they are made for."""

import json

import pytest

CANNY_LIKE = {"components": {"schemas": {
    "size": {"enum": [128, 256], "type": "integer", "title": "size",
             "description": "An enumeration."},
    "Input": {"required": ["b", "c"], "properties": {
        "b": {"type": "string", "title": "B", "x-order": 1},
        "a": {"type": "integer", "title": "Num Of A", "x-order": 0, "minimum": 0, "maximum": 9},
        "c": {"allOf": [{"$ref": "#/components/schemas/size"}], "description": "Own words",
              "x-order": 2},
        "d": {"anyOf": [{"type": "number"}, {"type": "null"}], "title": "D", "x-order": 3},
        "e": {"type": ["string", "null"], "title": "E", "x-order": 4},
        "f": {"anyOf": [{"type": "string"}, {"type": "integer"}], "title": "F", "x-order": 5},
        "g": {"type": "array", "items": {"type": "string", "format": "uri"}, "x-order": 6},
        "h": {"type": "string", "format": "password", "x-order": 7},
        "i": {"type": "object", "x-order": 8},
        "j": {"x-order": 9}}}}}}


@pytest.fixture(scope="module")
def call(browser, small):
    """call("progress", "parseProgress", …): the function's result, as JSON."""
    page = browser.new_page()
    page.goto(f"http://127.0.0.1:{small.port}/ui")

    def run(module, function, *arguments):
        return page.evaluate("""async ([module, name, values]) =>
            (await import(`/ui/${module}.js`))[name](...values)""", [module, function,
                                                                     list(arguments)])

    yield run
    page.close()


def test_fields_of_every_schema(call):
    fields = call("schema", "readFields", CANNY_LIKE)
    kinds = [(f["name"], f["kind"], f["required"], f["nullable"]) for f in fields]
    assert kinds == [
        ("a", "integer", False, False), ("b", "text", True, False), ("c", "choice", True, False),
        ("d", "number", False, True), ("e", "text", False, True), ("f", "union", False, False),
        ("g", "list", False, False), ("h", "secret", False, False), ("i", "json", False, False),
        ("j", "json", False, False)]
    assert fields[0]["title"] == "Num of a" and fields[0]["max"] == 9
    assert fields[2]["choices"] == [128, 256] and fields[2]["description"] == "Own words"
    assert fields[5]["types"] == ["text", "integer"] and fields[6]["item"]["kind"] == "file"


@pytest.mark.parametrize("line, step, steps, rate", [
    (" 24%|██▍       | 12/50 [00:03<00:10,  3.60it/s]", 12, 50, 3.6),
    ("picture 2: 100%|██████████| 25/25 [01:05<00:00,  2.00s/it]", 25, 25, 0.5),
    ("\r  0%|          | 0/4 [00:00<?, ?it/s]\r 50%|█████     | 2/4 [00:01<00:01,  1.5it/s]",
     2, 4, 1.5),
    ("  1%|▏| 1.2k/100k [00:01<01:39, 1000it/s]", 1200, 100000, 1000),
    ("0%|          | 0/8 [00:00<?, ?it/s]", 0, 8, None)])
def test_progress_lines(call, line, step, steps, rate):
    found = call("progress", "parseProgress", line)
    assert (found["step"], found["steps"], found["rate"]) == (step, steps, rate)


@pytest.mark.parametrize("line", ["", "Using seed: 7", "100% of it", "a|b|c 1/2", "50%|x| of 3"])
def test_other_lines_are_no_progress(call, line):
    assert call("progress", "parseProgress", line) is None


@pytest.mark.parametrize("now, text", [
    ({"step": 3, "steps": 4, "rate": 0.25, "left_s": 4},
     "Step 3 of 4 · 4.0 s/it · about 4 s left"),
    ({"step": 4, "steps": 4, "rate": 2, "left_s": 0}, "Step 4 of 4 · 2.0 it/s"),
    ({"step": 7, "steps": 0, "rate": None, "left_s": None}, "Step 7"),
    ({"step": 1, "steps": 500, "rate": 1, "left_s": 499},
     "Step 1 of 500 · 1.0 it/s · about 8 min 19 s left")])
def test_progress_as_a_sentence(call, now, text):
    assert call("progress", "progressText", now) == text


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("cut", [1, 3, 7, 1000])
def test_events_arrive_whole_however_they_are_cut(browser, small, ending, cut):
    events = [("start", {"id": "ä", "status": "processing"}), ("log", {"data": "a\nb"}),
              ("completed", {"status": "succeeded"})]
    text = f": keep-alive{ending}{ending}" + "".join(
        f"event: {name}{ending}data: {json.dumps(data, ensure_ascii=False)}{ending}{ending}"
        for name, data in events)
    page = browser.new_page()
    page.goto(f"http://127.0.0.1:{small.port}/ui")
    got = page.evaluate("""async ([bytes, cut]) => {
      const { readEvents } = await import("/ui/event_stream.js");
      const parts = [];
      for (let i = 0; i < bytes.length; i += cut) {
        parts.push(new Uint8Array(bytes.slice(i, i + cut)));
      }
      const body = new ReadableStream({pull(out) {
        if (parts.length > 0) out.enqueue(parts.shift()); else out.close();
      }});
      const seen = [];
      for await (const event of readEvents(body)) seen.push(event);
      return seen;
    }""", [list(text.encode()), cut])
    page.close()
    assert [(event["event"], event["data"]) for event in got] == events


@pytest.mark.parametrize("logs, inputs, seeds", [
    ("Using seed: 41\n", {}, [41, 42]), ("", {"seed": 5}, [5, 6]), ("seed is 3", {}, [3, 4]),
    ("reseeding", {}, [None, None])])
def test_seeds_are_read_where_they_stand(call, logs, inputs, seeds):
    assert [call("outputs", "seedFrom", logs, inputs, i) for i in range(2)] == seeds
