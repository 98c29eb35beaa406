# SPDX-License-Identifier: Apache-2.0
"""The page of kvick bench --html in headless Chromium: on a phone, in the dark, on paper."""

import functools
import itertools
import math
import os
import subprocess
import tempfile
import xml.dom.minidom

from tap import Skipped
from browser import Browser, BrowserFailed

PAGES = (("html", 6, 200), ("html,hostile", 6, 200), ("html", 16, 3000), ("html", 1, 1), ("html", 3, 0))
BYTES_MAX = 500 * 1024

# The colours of text and of what it stands on, those of lines and bars, as a browser resolves them.
COLOURS = """(names => {
    const style = getComputedStyle(document.documentElement);
    return names.map(name => style.getPropertyValue(name).trim());
})"""
TEXT = (("--ink", "--page"), ("--dim", "--page"), ("--dim", "--card"), ("--trouble", "--page"), ("--trouble", "--card"))
GRAPHICS = tuple(("--l%s" % n, "--page") for n in "01234567f") + (("--start", "--page"), ("--main", "--page"))


def _page(bench, what, subjects, runs):
    path = bench.path("page.html")
    subprocess.run([os.path.join(bench.build, "bench/made_up"), what, str(subjects), str(runs), path], check=True)
    return path


def _in_browser(test):
    """With a browser; with another one where that dies or does not answer, once."""
    @functools.wraps(test)
    def run(bench, last=False):
        browser = None
        try:
            browser = _browser()
            return test(bench, browser)
        except BrowserFailed as why:
            if last:
                raise
            print("#   %s: another one" % why, flush=True)
        finally:
            if browser:
                browser.close()
        return run(bench, last=True)
    return run


def _browser():
    try:
        return Browser()
    except FileNotFoundError:
        raise Skipped("no Chromium here: apt-get install chromium")


def _each_page(bench, browser, look):
    for what, subjects, runs in PAGES:
        path = _page(bench, what, subjects, runs)
        look(browser, path, "%s %d %d" % (what, subjects, runs))


def html_is_well_formed_and_small(bench):
    for what, subjects, runs in PAGES:
        path = _page(bench, what, subjects, runs)
        xml.dom.minidom.parse(path)
        assert os.path.getsize(path) <= BYTES_MAX, "%s %d %d: %d bytes" % (what, subjects, runs, os.path.getsize(path))


@_in_browser
def html_loads_nothing_runs_nothing_and_has_no_complaint(bench, browser):
    def look(browser, path, name):
        browser.open(path, 1200)
        assert browser.requests() == ["file://" + path], "%s: %s" % (name, browser.requests())
        assert browser.complaints() == [], "%s: %s" % (name, browser.complaints())
        assert browser.value("document.title.endsWith('bad')") is False, name
        assert browser.value("document.querySelectorAll('script,img,iframe,[onload],[onclick]').length") == 0, name
        assert browser.value("document.body.innerText.includes('</html>')") is False, name

    _each_page(bench, browser, look)


@_in_browser
def html_does_not_scroll_sideways(bench, browser):
    def look(browser, path, name):
        for width in (320, 360, 704, 832, 1200):
            browser.open(path, width)
            have = browser.value("document.documentElement.scrollWidth")
            assert have <= width, "%s: %d pixels on a screen of %d" % (name, have, width)

    _each_page(bench, browser, look)


@_in_browser
def html_shows_one_of_each_plot_that_is_readable(bench, browser):
    """Text in a picture is scaled with it."""
    def look(browser, path, name):
        for width in (360, 1200):
            browser.open(path, width)
            sizes = browser.value("""[...document.querySelectorAll('figure svg.wide, figure svg.narrow')]
                .filter(svg => svg.getBoundingClientRect().width > 0)
                .map(svg => svg.getBoundingClientRect().width / svg.viewBox.baseVal.width)""")
            all_of_them = browser.value("document.querySelectorAll('figure svg.narrow').length")
            assert len(sizes) == all_of_them, "%s: %d of %d" % (name, len(sizes), all_of_them)
            assert all(0.9 < size < 1.7 for size in sizes), "%s: %s" % (name, sizes)

    _each_page(bench, browser, look)


@_in_browser
def html_has_no_text_beyond_a_picture(bench, browser):
    """Or it would be cut: names are as long as they are."""
    def look(browser, path, name):
        for width in (360, 1200):
            browser.open(path, width)
            beyond = browser.value("""[...document.querySelectorAll('figure svg text')].filter(text => {
                const box = text.getBoundingClientRect(), all = text.ownerSVGElement.getBoundingClientRect();
                return box.width > 0 && (box.left < all.left - 1 || box.right > all.right + 1 || box.bottom > all.bottom + 1);
            }).map(text => text.textContent)""")
            assert beyond == [], "%s at %d: %s" % (name, width, beyond)

    _each_page(bench, browser, look)


def _linear(colour):
    colour = colour.lstrip("#")
    if len(colour) == 3:
        colour = "".join(2 * digit for digit in colour)
    parts = [int(colour[i:i + 2], 16) / 255 for i in (0, 2, 4)]
    return [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]


def _luminance(colour):
    red, green, blue = _linear(colour)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one, other):
    high, low = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@_in_browser
def html_has_contrast_in_light_and_dark(bench, browser):
    """WCAG 2: 4.5 for text, 3 for what is drawn."""
    path = _page(bench, "html", 2, 20)
    for dark in (False, True):
        browser.open(path, 1200, dark=dark)
        for pairs, least in ((TEXT, 4.5), (GRAPHICS, 3)):
            for pair in pairs:
                one, other = browser.value("%s(%s)" % (COLOURS, list(pair)))
                have = _contrast(one, other)
                assert have >= least, "%s on %s, dark %s: %.2f" % (*pair, dark, have)


# What colours are to who lacks one kind of cones: Machado, Oliveira, Fernandes (2009), severity 1, of linear RGB.
SIGHTS = {
    "all cones": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216), (-0.003882, -0.048116, 1.051998)),
    "deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413), (-0.011820, 0.042940, 0.968881)),
    "tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602), (0.004733, 0.691367, 0.303900)),
}
XYZ = ((0.4124 / 0.9505, 0.3576 / 0.9505, 0.1805 / 0.9505), (0.2126, 0.7152, 0.0722),
       (0.0193 / 1.089, 0.1192 / 1.089, 0.9505 / 1.089))


def _times(matrix, vector):
    return [sum(a * b for a, b in zip(row, vector)) for row in matrix]


def _lab(colour, sight):
    """CIELAB, in which a distance of 2 is just seen side by side."""
    seen = [min(1, max(0, part)) for part in _times(SIGHTS[sight], _linear(colour))]
    x, y, z = (part ** (1 / 3) if part > 0.008856 else 7.787 * part + 16 / 116 for part in _times(XYZ, seen))
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


@_in_browser
def html_has_colours_that_the_colour_blind_tell_apart(bench, browser):
    path = _page(bench, "html", 2, 20)
    for dark in (False, True):
        browser.open(path, 1200, dark=dark)
        for names in (["--l%s" % n for n in "01234567f"], ["--start", "--boot", "--main", "--end"]):
            colours = browser.value("%s(%s)" % (COLOURS, names))
            for sight in SIGHTS:
                have = min((math.dist(_lab(a, sight), _lab(b, sight)), a, b) for a, b in itertools.combinations(colours, 2))
                assert have[0] >= 15, "%s, dark %s: %.0f between %s and %s" % (sight, dark, *have)


@_in_browser
def html_is_light_on_paper(bench, browser):
    browser.open(_page(bench, "html", 2, 20), 1200, dark=True)
    browser.call("Emulation.setEmulatedMedia", media="print", features=[{"name": "prefers-color-scheme", "value": "dark"}])
    assert browser.value("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert browser.value("getComputedStyle(document.body).color") == "rgb(22, 25, 29)"


@_in_browser
def html_prints_every_plot_whole(bench, browser):
    """A picture that is no higher than a page is not divided: none is higher than A4 is within its margins, at its width."""
    browser.open(_page(bench, "html", 16, 3000), 688)
    browser.call("Emulation.setEmulatedMedia", media="print")
    heights = "[...document.querySelectorAll('figure svg')].map(svg => svg.getBoundingClientRect().height)"
    highest = browser.value("Math.max(...%s)" % heights)
    assert 100 < highest < 1010, highest
    inside = "[...document.querySelectorAll('figure svg.wide')].map(svg => getComputedStyle(svg).breakInside)"
    assert set(browser.value(inside)) == {"avoid"}
    with tempfile.NamedTemporaryFile() as pdf:
        browser.pdf(pdf.name)
        assert pdf.read(5) == b"%PDF-"


def html_of_a_real_run_has_its_plots(bench):
    path = bench.path("real.html")
    done = bench.run("--runs", "5", "--html=" + path, bench.guest("hello.elf"))
    assert done.returncode == 0, done.stderr
    page = xml.dom.minidom.parse(path)
    have = [figure.getAttribute("id") for figure in page.getElementsByTagName("figure")]
    assert have == ["cdf", "timeline", "steps", "ratio"], have
