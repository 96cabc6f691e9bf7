// Loaded into the editor of a workspace in a cluster before all else (node --require): it answers for its own name alone.
//
// The editor asks nobody who they are, and the edge finds it by its pod's address. An address may have become another
// pod's since the edge learned it; then a person would sit in somebody else's workspace. The Host of each request says
// which workspace is meant, and it comes from the decision who may pass. The relay for ports does the same
// (src/vibecode/agent/relay.py).
'use strict';

const http = require('node:http');

const PROBE = '/healthz'; // the kubelet asks by the pod's address
const DETAIL = 'Another workspace answers at this address. Try again in a moment.';
const PROBLEM = JSON.stringify({
	type: 'about:blank', title: 'Misdirected Request', status: 421, detail: DETAIL, code: 'another_workspace',
});

/** Tell whether a request comes from this pod itself: from within, or by `kubectl port-forward`. */
function isLocal(request) {
	const address = request.socket.remoteAddress;
	return address === undefined || /^(::ffff:)?127\.|^::1$/.test(address);
}

function isForAnother(request, name) {
	const label = /^[^.:]*/.exec(request.headers.host ?? '')[0].toLowerCase();
	return label !== name && request.url !== PROBE && !isLocal(request);
}

function refuse(event, request, answer) {
	const headers = {
		'Content-Type': 'application/problem+json', 'Content-Length': Buffer.byteLength(PROBLEM),
		'Cache-Control': 'no-store', 'Retry-After': 5, Connection: 'close',
	};
	if (event === 'upgrade' || event === 'connect') {
		const lines = Object.entries(headers).map(([key, value]) => `${key}: ${value}\r\n`);
		answer.end(`HTTP/1.1 421 Misdirected Request\r\n${lines.join('')}\r\n${PROBLEM}`);
	} else {
		answer.writeHead(421, headers).end(PROBLEM);
	}
}

function install(name) {
	const { emit } = http.Server.prototype;
	const events = new Set(['request', 'checkContinue', 'checkExpectation', 'upgrade', 'connect']);
	http.Server.prototype.emit = function (event, ...details) {
		if (events.has(event) && isForAnother(details[0], name)) {
			refuse(event, ...details);
			return true;
		}
		return emit.call(this, event, ...details);
	};
}

// The process that serves is a child of code-server's own. What that starts in turn, extensions and what they serve, is
// not to be like it: so it doesn't inherit this.
if (process.env.VIBECODE_WORKSPACE && process.env.CODE_SERVER_PARENT_PID === String(process.ppid)) {
	install(process.env.VIBECODE_WORKSPACE);
	const at = process.execArgv.indexOf('--require');
	if (at >= 0) {
		process.execArgv.splice(at, 2);
	}
}
