// Stands in for the native module @vscode/spdlog, which would need a C++ compiler. VS Code writes its log files through
// it, and shows the Output panel's channels of extensions by reading those files: without it they stay empty.
'use strict';

const fs = require('fs');
const path = require('path');

const NAMES = ['trace', 'debug', 'info', 'warning', 'error', 'critical'];
const open = new Set();
let globalLevel = 0;

function stamp() {
	const now = new Date();
	const two = (n) => String(n).padStart(2, '0');
	return `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())} ` +
		`${two(now.getHours())}:${two(now.getMinutes())}:${two(now.getSeconds())}.` +
		String(now.getMilliseconds()).padStart(3, '0');
}

class Logger {
	constructor(_type, name, file, maxSize, maxFiles) {
		this.name = name;
		this.file = file;
		this.maxSize = maxSize;
		this.maxFiles = maxFiles;
		this.level = 2;
		this.raw = false;
		this.waiting = [];
		this.scheduled = false;
		this.fd = undefined;
		this.size = 0;
		open.add(this);
		this._open();
	}

	getLevel() { return this.level; }
	setLevel(level) { this.level = level; }
	setPattern(_pattern) { this.raw = false; }
	clearFormatters() { this.raw = true; }

	flush() {
		this.scheduled = false;
		if (this.waiting.length === 0) {
			return;
		}
		const data = Buffer.from(this.waiting.join(''), 'utf8');
		this.waiting = [];
		try {
			if (this.fd === undefined) {
				this._open();
			}
			if (this.maxSize > 0 && this.size > 0 && this.size + data.length > this.maxSize) {
				this._rotate();
			}
			fs.writeSync(this.fd, data);
			this.size += data.length;
		} catch {
			// A log that can't be written (a full disk, a removed folder) must not take the editor down.
			this._close();
		}
	}

	drop() {
		this.flush();
		this._close();
		open.delete(this);
	}

	_log(level, message) {
		if (level < this.level || level < globalLevel || !open.has(this)) {
			return;
		}
		this.waiting.push(this.raw ? String(message) : `${stamp()} [${NAMES[level]}] ${message}\n`);
		if (!this.scheduled) {
			this.scheduled = true;
			setImmediate(() => this.flush());
		}
	}

	_open() {
		try {
			this.fd = fs.openSync(this.file, 'a');
			this.size = fs.fstatSync(this.fd).size;
		} catch {
			this.fd = undefined;
		}
	}

	_close() {
		if (this.fd !== undefined) {
			try { fs.closeSync(this.fd); } catch { /* it is gone already */ }
			this.fd = undefined;
		}
	}

	// As spdlog does it: log.txt, log.1.txt, log.2.txt, the oldest is overwritten; with one file it starts again.
	_rotate() {
		this._close();
		const { dir, name, ext } = path.parse(this.file);
		const numbered = (n) => n === 0 ? this.file : path.join(dir, `${name}.${n}${ext}`);
		for (let n = this.maxFiles - 1; n > 0; n--) {
			if (fs.existsSync(numbered(n - 1))) {
				fs.renameSync(numbered(n - 1), numbered(n));
			}
		}
		if (this.maxFiles <= 1) {
			fs.truncateSync(this.file);
		}
		this._open();
	}
}

for (const [level, method] of ['trace', 'debug', 'info', 'warn', 'error', 'critical'].entries()) {
	Logger.prototype[method] = function (message) { this._log(level, message); };
}

process.on('exit', () => {
	for (const logger of open) {
		logger.flush();
	}
});

async function createLogger(type, name, file, maxSize, maxFiles) {
	await fs.promises.mkdir(path.dirname(file), { recursive: true });
	return new Logger(type, name, file, maxSize, maxFiles);
}

exports.version = 11400;
exports.setLevel = (level) => { globalLevel = level; };
// Every message is written in the same turn of the event loop, so there is nothing to set.
exports.setFlushOn = (_level) => { };
exports.Logger = Logger;
exports.createRotatingLogger = (...args) => createLogger('rotating', ...args);
exports.createAsyncRotatingLogger = (...args) => createLogger('rotating_async', ...args);
