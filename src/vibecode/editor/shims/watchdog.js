// Stands in for the native module @vscode/native-watchdog, which would need a C++ compiler. It ends an extension host
// whose server is gone even if its event loop hangs; VS Code's own timer, which looks at the same once a second, remains.
'use strict';

exports.start = (pid) => {
	if (!Number.isInteger(pid)) {
		throw new Error('Expected integer pid!');
	}
};
exports.exit = (code) => process.exit(code || 0);
