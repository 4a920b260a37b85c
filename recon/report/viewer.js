// Draws each mesh of the page with WebGL 2 and lets one turn, move and zoom it. Draws only when something changes.
"use strict";

const FIELD_OF_VIEW = 0.61; // radians, of the view's shorter side
const FIRST = { yaw: 0.5, pitch: 0.74 };
const STEEPEST = Math.PI / 2 - 0.001;
const PATH_COLOR = [0.95, 0.36, 0.1];

const MESH_VERTEX = `#version 300 es
layout(location = 0) in vec3 position; layout(location = 1) in vec3 normal; layout(location = 2) in vec3 color;
uniform mat4 projectionView; uniform vec3 low; uniform float step; uniform float pointSize;
out vec3 place; out vec3 surfaceNormal; out vec3 surfaceColor;
void main() {
  place = low + step * position;
  surfaceNormal = normal;
  surfaceColor = color;
  gl_Position = projectionView * vec4(place, 1.0);
  gl_PointSize = pointSize;
}`;
// Colours of a capture have their own light, so the lamps are weak on them and strong on grey.
const MESH_FRAGMENT = `#version 300 es
precision highp float;
in vec3 place; in vec3 surfaceNormal; in vec3 surfaceColor;
uniform vec3 eye; uniform vec3 lamp; uniform bool colored; uniform bool points;
out vec4 result;
void main() {
  float light = 1.0;
  if (!points) {
    vec3 n = normalize(surfaceNormal) * (gl_FrontFacing ? 1.0 : -1.0);
    float diffuse = max(dot(n, lamp), 0.0), facing = max(dot(n, normalize(eye - place)), 0.0);
    light = colored ? 0.78 + 0.17 * diffuse + 0.15 * facing : 0.34 + 0.5 * diffuse + 0.28 * facing;
  }
  result = vec4((colored ? surfaceColor : vec3(0.77, 0.785, 0.81)) * light, 1.0);
}`;
const LINE_VERTEX = `#version 300 es
layout(location = 0) in vec3 position;
uniform mat4 projectionView; uniform vec2 shift;
void main() {
  gl_Position = projectionView * vec4(position, 1.0);
  gl_Position.xy += shift * gl_Position.w;
}`;
const LINE_FRAGMENT = `#version 300 es
precision highp float;
uniform vec3 color; out vec4 result;
void main() { result = vec4(color, 1.0); }`;

const add = (a, b, s = 1) => a.map((value, i) => value + s * b[i]);
const dot = (a, b) => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];
const cross = (a, b) => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
const clamp = (value, least, most) => Math.min(Math.max(value, least), most);

async function unpack(text, Kind) {
  const bytes = Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
  return new Kind(await new Response(stream).arrayBuffer());
}

async function readMesh(data) {
  return {
    low: data.low,
    step: data.step,
    shown: data.shown,
    positions: await unpack(data.positions, Uint16Array),
    colors: data.colors === null ? null : await unpack(data.colors, Uint8Array),
    indices: await unpack(data.indices, Uint32Array),
    lines: await unpack(data.lines, Float32Array),
  };
}

// Of each vertex, the mean of its triangles weighted by area.
function vertexNormals(positions, indices) {
  const normals = new Float32Array(positions.length);
  for (let i = 0; i < indices.length; i += 3) {
    const [a, b, c] = [3 * indices[i], 3 * indices[i + 1], 3 * indices[i + 2]];
    const ux = positions[b] - positions[a], uy = positions[b + 1] - positions[a + 1], uz = positions[b + 2] - positions[a + 2];
    const vx = positions[c] - positions[a], vy = positions[c + 1] - positions[a + 1], vz = positions[c + 2] - positions[a + 2];
    const nx = uy * vz - uz * vy, ny = uz * vx - ux * vz, nz = ux * vy - uy * vx;
    for (const k of [a, b, c]) {
      normals[k] += nx;
      normals[k + 1] += ny;
      normals[k + 2] += nz;
    }
  }
  return normals;
}

function program(gl, vertex, fragment) {
  const made = gl.createProgram();
  for (const [kind, source] of [[gl.VERTEX_SHADER, vertex], [gl.FRAGMENT_SHADER, fragment]]) {
    const shader = gl.createShader(kind);
    gl.shaderSource(shader, source);
    gl.compileShader(shader);
    gl.attachShader(made, shader);
  }
  gl.linkProgram(made);
  if (!gl.getProgramParameter(made, gl.LINK_STATUS) && !gl.isContextLost()) throw new Error(gl.getProgramInfoLog(made));
  return { made, at: (name) => gl.getUniformLocation(made, name) };
}

function attribute(gl, place, values, type, normalized) {
  gl.bindBuffer(gl.ARRAY_BUFFER, gl.createBuffer());
  gl.bufferData(gl.ARRAY_BUFFER, values, gl.STATIC_DRAW);
  gl.enableVertexAttribArray(place);
  gl.vertexAttribPointer(place, 3, type, normalized, 0, 0);
}

function upload(gl, mesh) {
  const surface = gl.createVertexArray(), lines = gl.createVertexArray();
  gl.bindVertexArray(surface);
  attribute(gl, 0, mesh.positions, gl.UNSIGNED_SHORT, false);
  if (mesh.indices.length) attribute(gl, 1, vertexNormals(mesh.positions, mesh.indices), gl.FLOAT, false);
  if (mesh.colors) attribute(gl, 2, mesh.colors, gl.UNSIGNED_BYTE, true);
  gl.bindBuffer(gl.ELEMENT_ARRAY_BUFFER, gl.createBuffer());
  gl.bufferData(gl.ELEMENT_ARRAY_BUFFER, mesh.indices, gl.STATIC_DRAW);
  gl.bindVertexArray(lines);
  attribute(gl, 0, mesh.lines, gl.FLOAT, false);
  return {
    surface, lines,
    shade: program(gl, MESH_VERTEX, MESH_FRAGMENT),
    stroke: program(gl, LINE_VERTEX, LINE_FRAGMENT),
  };
}

// The eye's axes: right, upward, and back towards the eye.
function axes(view) {
  const [sy, cy, sp, cp] = [Math.sin(view.yaw), Math.cos(view.yaw), Math.sin(view.pitch), Math.cos(view.pitch)];
  const back = [sy * cp, sp, cy * cp], right = [cy, 0, -sy];
  return { right, up: cross(back, right), back };
}

function slopes(canvas) { // half the view's width and height at a distance of 1
  const [width, height] = [Math.max(canvas.clientWidth, 1), Math.max(canvas.clientHeight, 1)];
  const short = Math.tan(FIELD_OF_VIEW / 2);
  return [short * Math.max(1, width / height), short * Math.max(1, height / width)];
}

// Some points of the mesh within the box that the first view shows.
function samples(mesh) {
  const every = 3 * Math.ceil(mesh.positions.length / 3 / 5000), [low, high] = mesh.shown, found = [low, high];
  for (let i = 0; i < mesh.positions.length; i += every) {
    const point = [0, 1, 2].map((k) => mesh.low[k] + mesh.step * mesh.positions[i + k]);
    if (point.every((value, k) => value >= low[k] && value <= high[k])) found.push(point);
  }
  return found.length > 100 ? found.slice(2) : found;
}

// Looks along the view's direction at the middle of the points from just so far that all are in it.
function fit(view, mesh, canvas) {
  const [low, high] = mesh.shown, { right, up, back } = axes(view), [sx, sy] = slopes(canvas);
  view.size = Math.max(Math.hypot(...add(high, low, -1)), 1e-6);
  const seen = mesh.samples.map((point) => [dot(point, right), dot(point, up), dot(point, back)]);
  const middle = [0, 1, 2].map((k) => {
    const values = seen.map((point) => point[k]);
    return (Math.min(...values) + Math.max(...values)) / 2;
  });
  view.target = add(add(right.map((value) => value * middle[0]), up, middle[1]), back, middle[2]);
  view.distance = 0.1 * view.size;
  for (const point of seen) {
    const [x, y, z] = add(point, middle, -1);
    view.distance = Math.max(view.distance, 1.05 * Math.max(Math.abs(x) / sx, Math.abs(y) / sy) + z);
  }
}

function projectionView(view, mesh, canvas, eye, { right, up, back }) {
  const reach = 65535 * mesh.step * 2 + Math.hypot(...add(view.target, mesh.shown[0], -1));
  const near = Math.max(view.size * 0.003, view.distance - reach), far = view.distance + reach;
  const [sx, sy] = slopes(canvas), a = (near + far) / (near - far), b = (2 * near * far) / (near - far);
  const [x, y, z] = [-dot(right, eye), -dot(up, eye), -dot(back, eye)];
  const columns = [0, 1, 2].map((i) => [right[i] / sx, up[i] / sy, a * back[i], -back[i]]);
  return new Float32Array([...columns.flat(), x / sx, y / sy, a * z + b, -z]);
}

function draw(gl, canvas, mesh, parts, view) {
  const scale = Math.min(window.devicePixelRatio || 1, 2);
  canvas.width = Math.max(1, Math.round(canvas.clientWidth * scale));
  canvas.height = Math.max(1, Math.round(canvas.clientHeight * scale));
  const frame = axes(view), eye = add(view.target, frame.back, view.distance);
  const matrix = projectionView(view, mesh, canvas, eye, frame);
  const lamp = add(add(frame.right.map((v) => -0.45 * v), frame.up, 0.75), frame.back, 0.6);
  const length = Math.hypot(...lamp), points = mesh.indices.length === 0;
  gl.viewport(0, 0, canvas.width, canvas.height);
  gl.clear(gl.COLOR_BUFFER_BIT | gl.DEPTH_BUFFER_BIT);
  gl.enable(gl.DEPTH_TEST);
  view.back ? gl.disable(gl.CULL_FACE) : gl.enable(gl.CULL_FACE);

  const { made, at } = parts.shade;
  gl.useProgram(made);
  gl.uniformMatrix4fv(at("projectionView"), false, matrix);
  gl.uniform3fv(at("low"), mesh.low);
  gl.uniform1f(at("step"), mesh.step);
  gl.uniform1f(at("pointSize"), 2 * scale);
  gl.uniform3fv(at("eye"), eye);
  gl.uniform3fv(at("lamp"), lamp.map((value) => value / length));
  gl.uniform1i(at("colored"), mesh.colors && view.colors ? 1 : 0);
  gl.uniform1i(at("points"), points ? 1 : 0);
  gl.bindVertexArray(parts.surface);
  if (points) gl.drawArrays(gl.POINTS, 0, mesh.positions.length / 3);
  else gl.drawElements(gl.TRIANGLES, mesh.indices.length, gl.UNSIGNED_INT, 0);

  if (!view.path || !mesh.lines.length) return;
  gl.useProgram(parts.stroke.made);
  gl.uniformMatrix4fv(parts.stroke.at("projectionView"), false, matrix);
  gl.uniform3fv(parts.stroke.at("color"), PATH_COLOR);
  gl.bindVertexArray(parts.lines);
  for (const [x, y] of [[0, 0], [1, 0], [0, 1]]) { // lines are one pixel wide everywhere; three make a stronger one
    gl.uniform2f(parts.stroke.at("shift"), (x * scale) / canvas.width, (y * scale) / canvas.height);
    gl.drawArrays(gl.LINES, 0, mesh.lines.length / 3);
  }
}

function steer(canvas, view, redraw, again) {
  const held = new Map(); // pointers that are down: where they were last
  const turn = (dx, dy) => {
    view.yaw -= dx;
    view.pitch = clamp(view.pitch + dy, -STEEPEST, STEEPEST);
  };
  const move = (dx, dy) => { // pixels
    const { right, up } = axes(view), [sx, sy] = slopes(canvas);
    view.target = add(view.target, right, (-2 * dx * sx * view.distance) / canvas.clientWidth);
    view.target = add(view.target, up, (2 * dy * sy * view.distance) / canvas.clientHeight);
  };
  const zoom = (factor, x, y) => { // the point under (x, y) stays where it is
    const before = view.distance;
    view.distance = clamp(before * factor, 0.02 * view.size, 20 * view.size);
    const share = 1 - view.distance / before, { right, up } = axes(view), [sx, sy] = slopes(canvas);
    view.target = add(view.target, right, share * before * sx * ((2 * x) / canvas.clientWidth - 1));
    view.target = add(view.target, up, share * before * sy * (1 - (2 * y) / canvas.clientHeight));
  };

  canvas.addEventListener("pointerdown", (event) => {
    held.set(event.pointerId, [event.clientX, event.clientY]);
    canvas.focus({ preventScroll: true });
    event.preventDefault();
  });
  window.addEventListener("pointermove", (event) => {
    const last = held.get(event.pointerId);
    if (!last) return;
    const now = [event.clientX, event.clientY], [dx, dy] = add(now, last, -1);
    if (held.size === 1) {
      if (event.shiftKey || event.buttons & 6) move(dx, dy);
      else turn((dx / canvas.clientHeight) * Math.PI, (dy / canvas.clientHeight) * Math.PI);
    } else if (held.size === 2) {
      const other = [...held].find(([id]) => id !== event.pointerId)[1], box = canvas.getBoundingClientRect();
      const span = (point) => Math.max(Math.hypot(...add(point, other, -1)), 1);
      zoom(span(last) / span(now), (now[0] + other[0]) / 2 - box.left, (now[1] + other[1]) / 2 - box.top);
      move(dx / 2, dy / 2);
    }
    held.set(event.pointerId, now);
    redraw();
  });
  for (const end of ["pointerup", "pointercancel"]) window.addEventListener(end, (event) => held.delete(event.pointerId));
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  canvas.addEventListener("dblclick", again);
  canvas.addEventListener("wheel", (event) => {
    if (document.activeElement !== canvas && !event.ctrlKey) return; // else one could not scroll past the mesh
    event.preventDefault();
    zoom(Math.exp(clamp(event.deltaY * (event.deltaMode ? 30 : 1), -200, 200) * 0.002), event.offsetX, event.offsetY);
    redraw();
  }, { passive: false });
  canvas.addEventListener("keydown", (event) => {
    const [x, y] = [canvas.clientWidth / 2, canvas.clientHeight / 2];
    const keys = {
      ArrowLeft: () => turn(-0.1, 0), ArrowRight: () => turn(0.1, 0), ArrowUp: () => turn(0, -0.1),
      ArrowDown: () => turn(0, 0.1), "+": () => zoom(0.9, x, y), "-": () => zoom(1.1, x, y), Home: again,
    };
    if (!keys[event.key] || event.ctrlKey || event.altKey || event.metaKey) return;
    keys[event.key]();
    event.preventDefault();
    redraw();
  });
}

async function start(figure) {
  const canvas = figure.querySelector("canvas"), message = figure.querySelector(".message");
  const gl = canvas.getContext("webgl2", { antialias: true, preserveDrawingBuffer: true }); // kept for printing
  if (!gl) throw new Error("This browser shows no 3D graphics (WebGL 2 is missing or switched off)");
  if (typeof DecompressionStream === "undefined") throw new Error("This browser is too old to unpack the mesh");
  message.textContent = "Unpacking the mesh …";
  const mesh = await readMesh(JSON.parse(figure.querySelector("script").textContent));
  mesh.samples = samples(mesh);
  const view = { ...FIRST };
  for (const box of figure.querySelectorAll("[data-show]")) view[box.dataset.show] = box.checked;
  fit(view, mesh, canvas);

  let parts = upload(gl, mesh), waiting = false;
  const redraw = () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      if (gl.isContextLost()) return;
      draw(gl, canvas, mesh, parts, view);
      figure.classList.add("drawn"); // hides the message
    });
  };
  const look = (yaw, pitch) => {
    Object.assign(view, { yaw, pitch });
    fit(view, mesh, canvas);
    redraw();
  };
  const again = () => look(FIRST.yaw, FIRST.pitch);
  const actions = {
    reset: again,
    above: () => look(0, STEEPEST),
    full: () => (document.fullscreenElement ? document.exitFullscreen() : figure.requestFullscreen()),
  };
  for (const button of figure.querySelectorAll("[data-do]")) button.addEventListener("click", actions[button.dataset.do]);
  for (const box of figure.querySelectorAll("[data-show]"))
    box.addEventListener("change", () => {
      view[box.dataset.show] = box.checked;
      redraw();
    });
  canvas.addEventListener("webglcontextlost", (event) => event.preventDefault());
  canvas.addEventListener("webglcontextrestored", () => {
    parts = upload(gl, mesh);
    redraw();
  });
  steer(canvas, view, redraw, again);
  new ResizeObserver(redraw).observe(canvas);
  redraw();
}

for (const figure of document.querySelectorAll(".viewer"))
  start(figure).catch((error) => { // a page without this one mesh is still a report
    figure.querySelector(".message").textContent = `${error.message}; the rest of this page does not need it.`;
  });
