// SPDX-License-Identifier: MIT
// Run in a page by WebDriver: returns what is wrong with it as it is shown now. Contrast is that of WCAG 2.1, 1.4.3.

function parse(color) {
    const numbers = (color.match(/[\d.]+/g) || []).map(Number);
    return { r: numbers[0], g: numbers[1], b: numbers[2], a: numbers.length > 3 ? numbers[3] : 1 };
}

function over(top, below) {
    const mix = (t, b) => t * top.a + b * (1 - top.a);
    return { r: mix(top.r, below.r), g: mix(top.g, below.g), b: mix(top.b, below.b), a: 1 };
}

function luminance(color) {
    const linear = (value) => {
        const v = value / 255;
        return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    };
    return 0.2126 * linear(color.r) + 0.7152 * linear(color.g) + 0.0722 * linear(color.b);
}

function ratio(one, other) {
    const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
}

// All colours that may lie behind an element: each stop of a gradient counts, the worst one decides.
function backgrounds(element) {
    const layers = [];
    for (let e = element; e; e = e.parentElement) {
        const style = getComputedStyle(e);
        const stops = (style.backgroundImage.match(/rgba?\([^)]*\)/g) || []).map(parse);
        const plain = parse(style.backgroundColor);
        if (stops.length > 0) layers.push(stops);
        if (plain.a > 0) layers.push([plain]);
        if (layers.length > 0 && layers[layers.length - 1].every((c) => c.a === 1)) break;
    }
    let found = [{ r: 255, g: 255, b: 255, a: 1 }];
    for (const layer of layers.reverse()) found = layer.flatMap((top) => found.map((below) => over(top, below)));
    return found;
}

function name(element) {
    const id = element.id ? "#" + element.id : "";
    const classes = typeof element.className === "string" && element.className ? "." + element.className : "";
    return element.tagName.toLowerCase() + id + classes.replace(/ /g, ".");
}

function texts() {
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    const found = [];
    while (walker.nextNode()) {
        const parent = walker.currentNode.parentElement;
        if (walker.currentNode.data.trim() === "" || !parent.checkVisibility()) continue;
        found.push(walker.currentNode);
    }
    return found;
}

const dim = [], stray = [], small = [];
const shown = texts();
for (const node of shown) {
    const style = getComputedStyle(node.parentElement);
    const size = parseFloat(style.fontSize), weight = Number(style.fontWeight);
    const wanted = size >= 24 || (size >= 18.66 && weight >= 700) ? 3 : 4.5;
    const color = parse(style.color);
    const worst = Math.min(...backgrounds(node.parentElement).map((b) => ratio(over(color, b), b)));
    if (!(worst >= wanted)) dim.push(`${name(node.parentElement)} ${worst.toFixed(2)} "${node.data.trim().slice(0, 40)}"`);
    if (size < 14) small.push(`${name(node.parentElement)} has letters of ${size}px`);
}

// A word that is broken where no language breaks it. Names of hosts may be.
const broken = [];
for (const element of document.querySelectorAll("h1, h2, h3, dt, .button, .lead, .top-nav a")) {
    if (element.querySelector("bdi")) continue;
    element.style.overflowWrap = "normal";
    if (element.scrollWidth > element.clientWidth + 1) broken.push(`${name(element)} "${element.textContent}"`);
    element.style.overflowWrap = "";
}

const width = document.documentElement.clientWidth;
for (const element of document.body.querySelectorAll("*")) {
    if (element.closest(".skip, .flight, .horizon, svg")) continue;
    const box = element.getBoundingClientRect();
    if (box.width > 0 && (box.left < -0.5 || box.right > width + 0.5)) stray.push(`${name(element)} ${box.left}..${box.right}`);
}

// Fingers: what stands alone to be tapped is 44px high at least (WCAG 2.1, 2.5.5).
for (const link of document.querySelectorAll("a.button, .top a, .foot a, .contents a, .more a, #qr-link")) {
    const box = link.getBoundingClientRect();
    if (box.height > 0 && box.height < 44) small.push(`${name(link)} is ${box.height}px high`);
}

return {
    dim, broken, stray, small,
    scrolls: document.documentElement.scrollWidth > width,
    lang: document.documentElement.lang,
    dir: getComputedStyle(document.documentElement).direction,
    texts: shown.map((node) => node.data.trim()),
    unisolated: shown.filter((node) => node.data.includes(arguments[0] || "\u0000") && !node.parentElement.closest("bdi"))
        .map((node) => node.data.trim()),
};
