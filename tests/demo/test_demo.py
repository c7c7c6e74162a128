"""The demo: good and bad uploads by HTTP and in a headless browser; one thread owns the network."""

from __future__ import annotations

import contextlib
import io
import socket
import struct
import threading
import time
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

uvicorn = pytest.importorskip("uvicorn", reason="the extra demo is not installed: pip install 'vqa[demo]'")
httpx = pytest.importorskip("httpx", reason="httpx is not installed: pip install 'vqa[test]'")

from hostile_texts import TEXTS, UNSEEN  # noqa: E402
from PIL import Image  # noqa: E402 - after the skips
from starlette.datastructures import Headers  # noqa: E402

from vqa.demo.app import Example, create_app  # noqa: E402
from vqa.demo.same_origin import SameOriginMiddleware  # noqa: E402
from vqa.demo.uploads import decode_upload  # noqa: E402
from vqa.demo.worker import BusyError, Worker  # noqa: E402
from vqa.errors import ImageError, RunError  # noqa: E402
from vqa.evaluation.asking import Answer, check_question  # noqa: E402


class ColourRun:
    """Stands for a run: names the colour of the image's first pixel; refuses questions as a run does."""

    known = frozenset(["what", "color", "is", "it"])

    def __init__(self) -> None:
        self.threads: set[str] = set()
        self.gate = threading.Event()
        self.gate.set()

    def ask(self, image: Any, question: str, *, top: int = 5) -> Answer:
        self.threads.add(threading.current_thread().name)
        self.gate.wait(20)
        check_question(question)
        if "crash" in question:
            raise ValueError("secret")
        red = image.getpixel((0, 0))[0] > 128
        pairs = (("red", 0.9999999), ("blue", 1e-7)) if red else (("blue", 0.75), ("<b>red</b>", 0.25))
        unknown = tuple(word for word in question.strip("?").split() if word not in self.known)
        return Answer(question, pairs, unknown, "softmax")


def picture(colour: str = "red", size: tuple[int, int] = (64, 48), form: str = "PNG") -> bytes:
    data = io.BytesIO()
    Image.new("RGB", size, colour).save(data, form)
    return data.getvalue()


def bomb(width: int, height: int) -> bytes:
    """Return a PNG of a few kilobytes that claims this size, one bit per pixel."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    rows = zlib.compress(b"\0" * (height * (1 + (width + 7) // 8)), 9)
    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


class Demo:
    """A demo that listens on a free port."""

    def __init__(self, run: ColourRun, waiting: int = 8) -> None:
        self.run = run
        worker = Worker(lambda: run, waiting)
        worker.start()
        examples = [Example(picture("blue"), "image/png", ("what color is it?", "is <i>it</i>?"))]
        self.listen(
            create_app(worker, "runs/<b>x</b>", examples=examples, questions=("is it a zebra?",), hosts=("127.0.0.1",)),
            worker,
        )

    def listen(self, app: Any, worker: Worker) -> None:
        self.worker = worker
        self.server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", lifespan="off"))
        self.thread = threading.Thread(target=self.server.run)
        self.thread.start()
        while not self.server.started:
            time.sleep(0.01)
        port = self.server.servers[0].sockets[0].getsockname()[1]
        self.address = f"http://127.0.0.1:{port}/"

    def ask(self, image: bytes, question: str = "what color is it?") -> tuple[int, dict[str, Any]]:
        files = {"image": ("x.png", image)}
        response = httpx.post(f"{self.address}ask", files=files, data={"question": question}, timeout=30)
        return response.status_code, response.json()

    def close(self) -> None:
        self.server.should_exit = True
        self.thread.join()
        self.worker.stop()


@pytest.fixture
def demo() -> Iterator[Demo]:
    demo = Demo(ColourRun())
    yield demo
    demo.close()


LONG = " ".join(["what"] * 5000)
BAD_UPLOADS = [
    (b"", "what color is it?", "expected an image, got none"),
    (b"just text", "what color is it?", "the file is not an image that can be read; accepted: PNG, JPEG"),
    (picture()[:-30], "what color is it?", "the file is not an image that can be read"),
    (bomb(10_000, 10_000), "what color is it?", "10000 x 10000 pixels (100 megapixels), at most 64 megapixels"),
    (bomb(20_000, 10_000), "what color is it?", "at most 64 megapixels are accepted"),
    (picture(), "", "expected a question, got an empty text"),
    (picture(), LONG, "expected a question of at most 200 words, got 5000"),
]


@pytest.mark.parametrize(("image", "question", "message"), BAD_UPLOADS, ids=range(len(BAD_UPLOADS)))
def test_what_cannot_be_asked_gets_a_message_and_the_next_question_works(
    demo: Demo, image: bytes, question: str, message: str
) -> None:
    status, result = demo.ask(image, question)
    assert status == 422
    assert message in result["error"]
    status, result = demo.ask(picture("blue"))
    assert (status, result["answer"]) == (200, "blue")


def test_an_answer_holds_top_answers_and_unknown_words(demo: Demo) -> None:
    status, result = demo.ask(picture("red", form="JPEG"), "what zebra is it")
    assert status == 200
    assert result["top"] == [["red", 0.9999999], ["blue", 1e-7]]
    assert result["unknown_words"] == ["zebra"]
    assert demo.run.threads == {"network"}


def test_an_internal_error_is_not_shown_and_does_not_end_the_thread(demo: Demo) -> None:
    status, result = demo.ask(picture(), "crash")
    assert status == 500
    assert "secret" not in result["error"]
    assert demo.ask(picture())[0] == 200


@pytest.mark.parametrize("chunked", [False, True])
def test_a_body_that_is_too_large_is_not_read_to_its_end(demo: Demo, chunked: bool) -> None:
    head = b'--x\r\nContent-Disposition: form-data; name="image"; filename="x"\r\n\r\n'
    body = head + bytes(22_000_000)
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    content = iter([body[start : start + 1_000_000] for start in range(0, len(body), 1_000_000)]) if chunked else body
    try:
        response = httpx.post(f"{demo.address}ask", content=content, headers=headers, timeout=30)
        assert response.status_code == 413
        assert "at most 20 MB are accepted" in response.json()["error"]
    except (httpx.WriteError, httpx.ReadError):
        pass  # the server may hang up on what it has refused
    assert demo.ask(picture())[0] == 200


def test_what_is_not_a_form_is_refused(demo: Demo) -> None:
    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    assert httpx.post(f"{demo.address}ask", content=b"nonsense", headers=headers).status_code == 400
    assert httpx.post(f"{demo.address}ask", content=b"{}").status_code == 422
    assert httpx.get(f"{demo.address}ask").status_code == 405


FOREIGN = [
    {"Host": "evil.example"},
    {"Host": "127.0.0.1.evil.example"},
    {"Host": "evil.example:80@127.0.0.1"},
    {"Host": "192.168.0.1"},
    {"Host": "[::1"},
    {"Host": ""},
    {"Origin": "http://evil.example"},
    {"Origin": "http://127.0.0.1:1"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Origin": "http://evil.example", "Host": "evil.example"},
]


@pytest.mark.parametrize("headers", FOREIGN, ids=str)
def test_foreign_names_and_pages_are_refused(demo: Demo, headers: dict[str, str]) -> None:
    files = {"image": ("x.png", picture())}
    for response in (
        httpx.get(demo.address, headers=headers),
        httpx.post(f"{demo.address}ask", files=files, data={"question": "what color is it?"}, headers=headers),
    ):
        assert response.status_code in (400, 403)  # what is no host name at all is refused by the server itself
        assert "html" not in response.text
    assert not demo.run.threads


def test_the_own_name_and_origin_are_served(demo: Demo) -> None:
    files, own = {"image": ("x.png", picture())}, demo.address.removeprefix("http://").rstrip("/")
    for headers in ({}, {"Origin": f"http://{own}"}, {"Host": "127.0.0.1:9000", "Origin": "http://127.0.0.1:9000"}):
        address = f"{demo.address}ask"
        response = httpx.post(address, files=files, data={"question": "what color is it?"}, headers=headers)
        assert response.json()["answer"] == "red"


def test_open_to_the_network_it_serves_addresses_and_own_names_only() -> None:
    middleware = SameOriginMiddleware(lambda *_: None)
    served = {"127.0.0.1:80", "192.168.0.7:8000", "[fe80::1]:8000", "localhost:8000", socket.gethostname()}
    foreign = {"evil.example", "localhost.evil.example", "", "192.168.0.7.evil.example"}
    for host in served | foreign:
        assert (middleware._refusal(Headers({"host": host})) == "") == (host in served), host


def test_a_slow_client_does_not_stop_the_others(demo: Demo) -> None:
    host, port = demo.address.removeprefix("http://").rstrip("/").split(":")
    head = f"POST /ask HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: multipart/form-data; boundary=x\r\n"
    with contextlib.ExitStack() as stack:
        for _ in range(20):  # ten send half a head, ten half a body
            client = stack.enter_context(socket.create_connection((host, int(port))))
            client.sendall(f"{head}Content-Length: 1000000\r\n".encode())
            if _ % 2:
                client.sendall(b'\r\n--x\r\nContent-Disposition: form-data; name="image"; filename="x"\r\n\r\nabc')
        started = time.monotonic()
        assert [demo.ask(picture())[0] for _ in range(5)] == [200] * 5
        assert time.monotonic() - started < 20


def test_a_form_that_never_ends_is_given_up(demo: Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vqa.demo.app.FORM_TIMEOUT", 0.2)

    def body() -> Iterator[bytes]:
        yield b'--x\r\nContent-Disposition: form-data; name="question"\r\n\r\n'
        time.sleep(1)
        yield b"what"

    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    response = httpx.post(f"{demo.address}ask", content=body(), headers=headers, timeout=30)
    assert response.status_code == 408
    assert "did not arrive within" in response.json()["error"]


def test_pages_forbid_other_sources(demo: Demo) -> None:
    response = httpx.get(demo.address)
    assert "default-src 'none'" in response.headers["content-security-policy"]
    assert "frame-ancestors 'none'" in response.headers["content-security-policy"]
    assert httpx.get(f"{demo.address}examples/0").headers["content-type"] == "image/png"
    assert httpx.get(f"{demo.address}examples/1").status_code == 404


def test_one_question_too_many_is_told_to_try_again() -> None:
    run = ColourRun()
    run.gate.clear()
    worker = Worker(lambda: run, waiting=1)
    worker.start()
    first = worker.ask(Image.new("RGB", (4, 4), "red"), "what color is it")
    while not run.threads:  # the first one is being answered, the queue is empty
        time.sleep(0.01)
    second = worker.ask(Image.new("RGB", (4, 4), "blue"), "what color is it")
    with pytest.raises(BusyError, match="busy: 1 questions are waiting; try again in a moment"):
        worker.ask(Image.new("RGB", (4, 4), "red"), "what color is it")
    run.gate.set()
    assert [first.result(10)["answer"], second.result(10)["answer"]] == ["red", "blue"]
    worker.stop()


def test_a_run_that_cannot_be_loaded_is_an_error_at_the_start() -> None:
    def load() -> ColourRun:
        raise RunError("damaged")

    with pytest.raises(RunError, match="damaged"):
        Worker(load).start()


def test_uploads_are_turned_upright_and_made_small() -> None:
    data = io.BytesIO()
    image = Image.new("RGB", (3000, 1500), "blue")
    exif = image.getexif()
    exif[0x0112] = 6  # turn by 90 degrees
    image.save(data, "JPEG", exif=exif)
    decoded = decode_upload(data.getvalue())
    assert decoded.mode == "RGB"
    assert decoded.size == (512, 1024)


def test_floating_point_pixels_are_refused() -> None:
    data = io.BytesIO()
    Image.new("F", (4, 4)).save(data, "TIFF")
    with pytest.raises(ImageError, match="floating-point pixels"):
        decode_upload(data.getvalue())


def test_sixteen_bits_per_channel_and_cmyk_are_read() -> None:
    data = io.BytesIO()
    Image.new("I;16", (4, 4), 65535).save(data, "PNG")
    assert decode_upload(data.getvalue()).getpixel((0, 0)) == (255, 255, 255)
    assert decode_upload(picture("red", form="JPEG")).mode == "RGB"
    data = io.BytesIO()
    Image.new("CMYK", (4, 4)).save(data, "JPEG")
    assert decode_upload(data.getvalue()).getpixel((0, 0)) == (255, 255, 255)


# ---- in a browser


@pytest.fixture
def open_demo(page: Any, demo: Demo) -> Any:
    page.goto(demo.address)
    return page


def upload(page: Any, path: Path, content: bytes) -> None:
    path.write_bytes(content)
    page.set_input_files("#file", path)


def ask(page: Any, question: str) -> str:
    page.fill("#question", question)
    page.click("#ask")
    page.wait_for_selector("#answer .said, #answer .error")
    return page.inner_text("#answer")


def test_upload_ask_answer_shown(open_demo: Any, demo: Demo, tmp_path: Path) -> None:
    page = open_demo
    assert page.inner_text("h1") == "runs/<b>x</b>"
    upload(page, tmp_path / "mine.png", picture("red"))
    assert page.is_visible("#preview")
    text = ask(page, "what zebra is it")
    assert page.inner_text(".said") == "red"
    assert "0.9999" in text
    assert "1.0000" not in text
    assert "“zebra”" in text
    assert {address.split("/")[2] for address in page.requested if address.startswith("http")} == {
        demo.address.split("/")[2]
    }
    assert page.complaints == []


def test_an_example_and_a_suggested_question(open_demo: Any) -> None:
    page = open_demo
    page.click(".example")
    page.click("#suggestions button:first-child")
    page.wait_for_selector(".said")
    assert page.inner_text(".said") == "blue"
    assert "<b>red</b>" in page.inner_text("#answer")
    assert page.locator("#suggestions button").all_inner_texts() == ["what color is it?", "is <i>it</i>?"]
    assert page.complaints == []


def test_a_question_asked_while_an_example_loads_is_about_the_example(open_demo: Any) -> None:
    page = open_demo
    page.route("**/examples/0", lambda route: (time.sleep(0.5), route.continue_()))
    page.evaluate("document.querySelector('.example').click()")
    page.evaluate("document.querySelector('#suggestions button').click()")
    page.wait_for_selector("#answer .said, #answer .error")
    assert page.inner_text("#answer .said") == "blue"


def test_bad_input_gets_a_message_each_and_the_next_question_works(open_demo: Any, tmp_path: Path) -> None:
    page = open_demo
    assert "Choose an image first." in ask(page, "what color is it?")
    upload(page, tmp_path / "bomb.png", bomb(10_000, 10_000))
    assert "100 megapixels" in ask(page, "what color is it?")
    upload(page, tmp_path / "text.png", b"this is a text file, renamed")
    assert "not an image that can be read" in ask(page, "what color is it?")
    upload(page, tmp_path / "large.png", bytes(21_000_000))
    assert "21 MB; at most 20 MB" in ask(page, "what color is it?")
    upload(page, tmp_path / "good.png", picture("blue"))
    assert "Type a question first" in ask(page, "  ")
    assert "at most 200 words, got 5000" in ask(page, LONG)
    assert "blue" in ask(page, "what color is it?")
    # A refusal by the server is an answer, but the browser's console names every one.
    assert all("422" in text for text in page.complaints)


@pytest.mark.parametrize("width", [360, 390])
def test_on_a_phone_it_fits_and_scrolls_to_the_answer(open_demo: Any, width: int) -> None:
    page = open_demo
    page.set_viewport_size({"width": width, "height": 740})
    assert page.evaluate("document.documentElement.scrollWidth") == width
    page.click(".example")
    page.click("#suggestions button:first-child")
    page.wait_for_selector(".said")
    page.wait_for_function("document.getElementById('answer').getBoundingClientRect().bottom <= window.innerHeight")
    assert page.evaluate("document.getElementById('answer').getBoundingClientRect().top") >= 0
    page.evaluate("window.scrollTo(0, 0)")
    assert "Type a question first" in ask(page, " ")
    page.wait_for_function("document.getElementById('answer').getBoundingClientRect().bottom <= window.innerHeight")


def test_the_placeholder_and_the_first_suggestions_are_questions_of_the_data(open_demo: Any) -> None:
    page = open_demo
    assert page.get_attribute("#question", "placeholder") == "is it a zebra?"
    assert page.locator("#suggestions button").all_inner_texts() == ["is it a zebra?"]


def test_the_page_says_that_the_demo_does_not_respond(open_demo: Any, tmp_path: Path) -> None:
    page = open_demo
    upload(page, tmp_path / "good.png", picture("blue"))
    page.route("**/ask", lambda route: route.abort())
    assert "Is it still running in its terminal?" in ask(page, "what color is it?")


def test_hostile_texts_are_only_text(page: Any) -> None:
    # The texts of a run come from UTF-8 files, which hold no half of a surrogate pair.
    texts = [text.encode("utf-8", "replace").decode("utf-8") for text in TEXTS]

    class HostileRun(ColourRun):
        def ask(self, image: Any, question: str, *, top: int = 5) -> Answer:
            text = texts[len(page.requested) % len(texts)]
            return Answer(question, ((text, 0.75), (f"{text}2", 0.25)), (text, "zebra"), "softmax")

    worker = Worker(HostileRun)
    worker.start()
    demo = Demo.__new__(Demo)
    examples = [Example(picture("blue"), "image/png", tuple(texts))]
    demo.listen(create_app(worker, TEXTS[1] + "\ud800\u202e", examples=examples, questions=texts), worker)
    page.goto(demo.address)
    page.click(".example")
    for suggestion in page.locator("#suggestions button").all():
        suggestion.click()
        page.wait_for_selector(".said, .error")
        shown = page.evaluate(
            "[document.title, document.body.innerText, document.getElementById('question').placeholder]"
        )
        assert not UNSEEN.search("".join(shown))
        page.evaluate("document.getElementById('answer').replaceChildren()")
    assert page.evaluate("window.ran") is None
    assert page.complaints == []
    assert all(address.startswith((demo.address, "blob:", "data:")) for address in page.requested)
    assert page.locator("base, iframe, [onerror], [onload], [onfocus], a[href]").count() == 0
    demo.close()


def test_a_network_without_images_is_asked_without_one(page: Any) -> None:
    class BlindRun(ColourRun):
        def ask(self, image: Any, question: str, *, top: int = 5) -> Answer:
            assert image is None
            return Answer(question, (("yes", 0.5), ("no", 0.5)), (), "sigmoid")

    worker = Worker(BlindRun)
    worker.start()
    demo = Demo.__new__(Demo)
    demo.listen(create_app(worker, "blind", with_image=False), worker)
    page.goto(demo.address)
    assert page.locator("input[type=file]").count() == 0
    assert "0.5000 sigmoid probability" in ask(page, "is it?")
    demo.close()
