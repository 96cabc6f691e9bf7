// Runs before the first paint, so that the page never flashes in the wrong theme. Kept in step with lib/theme.ts.
;(function () {
  var dark = matchMedia('(prefers-color-scheme: dark)')
  var choice = 'system'
  function read() {
    try {
      choice = localStorage.getItem('vibecode.theme') || 'system'
    } catch {
      // Storage is blocked: the choice holds until the page is closed.
    }
    apply()
  }
  function apply() {
    var isDark = choice === 'dark' || (choice === 'system' && dark.matches)
    document.documentElement.dataset.theme = isDark ? 'dark' : 'light'
  }
  read()
  dark.addEventListener('change', apply)
  addEventListener('storage', read)
  addEventListener('vibecode:theme', function (event) {
    choice = event.detail
    apply()
  })
})()
