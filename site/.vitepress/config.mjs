// The site is made of the Markdown files of the repository, where they are: nothing is copied. site/pages.mjs says which
// page is where; links between files become links between pages, and links to other files lead to the code host.
import { existsSync, readdirSync, statSync } from 'node:fs';
import { dirname, join, posix, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { slug } from 'github-slugger';
import { defineConfig } from 'vitepress';
import { pages, sections } from '../pages.mjs';

const root = fileURLToPath(new URL('../../', import.meta.url));
const host = 'https://github.com/fapilog/fapilog-tamper-node';
const ICON =
  '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><path d="M8 1l6 2v5c0 4-3 6-6 7-3-1-6-3-6-7V3z" fill="#3a5ccc"/><path d="M5 8l2 2 4-4" fill="none" stroke="#fff" stroke-width="1.8"/></svg>';
const placeOf = new Map(pages.map(({ file, at }) => [file, at]));
placeOf.set('site/index.md', 'index.md');
// What the entry points export: one page each, which the sidebar has not.
const members = new Map();
for (const path of readdirSync(`${root}site/api`, { recursive: true })) {
  const file = `site/api/${path.replaceAll('\\', '/')}`;
  if (!file.endsWith('.md') || file.endsWith('/README.md')) continue;
  const at = file.slice('site/'.length);
  placeOf.set(file, at);
  members.set(at, posix.dirname(posix.dirname(at)));
}

/** VitePress puts the search into a button, and its results, which are links, into options: a screen reader reaches neither. */
const SEARCH_ROLES = [
  ['role="button"', 'role="dialog" aria-modal="true"'],
  [`:aria-owns="results?.length ? 'localsearch-list' : undefined"`, ''],
  ['aria-expanded="true"', ''],
  ['aria-haspopup="listbox"', ''],
  [`:role="results?.length ? 'listbox' : undefined"`, ''],
  ['role="option"', ''],
  [`:aria-label="[...p.titles, p.title].join(' > ')"`, ''],
  ['<kbd :aria-label=', '<kbd role="img" :aria-label='],
  [`:aria-selected="selectedIndex === index ? 'true' : 'false'"`, `:aria-current="selectedIndex === index"`],
];
const searchRoles = {
  name: 'search-roles',
  enforce: 'pre',
  transform(code, id) {
    if (!id.endsWith('/VPLocalSearchBox.vue')) return undefined;
    return SEARCH_ROLES.reduce((text, [from, to]) => {
      if (!text.includes(from)) throw new Error(`${id} has no ${from} any more`);
      return text.replaceAll(from, to);
    }, code);
  },
};

export default defineConfig({
  title: 'fapilog-tamper',
  description: 'Tamper-evident logging for Node.js, with keys that your enterprise already manages',
  lang: 'en-US',
  base: process.env.SITE_BASE ?? '/',
  head: [['link', { rel: 'icon', href: `data:image/svg+xml,${encodeURIComponent(ICON)}` }]],
  srcDir: '..',
  vite: { plugins: [searchRoles], build: { chunkSizeWarningLimit: 2_000 } }, // the index of the search
  srcExclude: [
    '{dist,coverage,engine,examples,release,scripts,src,test}/**',
    'site/{README,api/README}.md',
    '**/node_modules/**',
  ],
  rewrites: Object.fromEntries(placeOf),
  metaChunk: true,
  markdown: {
    anchor: { slugify: slug },
    toc: { slugify: slug },
    languageAlias: { hcl: 'terraform', sh: 'bash' },
    theme: { light: 'github-light-high-contrast', dark: 'github-dark-high-contrast' },
    config(md) {
      md.core.ruler.push('places', ({ tokens, env }) => {
        if (env.path === undefined) return; // a heading by itself, for the title
        const file = relative(root, env.realPath ?? env.path);
        for (const token of tokens.flatMap(({ children }) => children ?? [])) {
          if (token.type === 'link_open') token.attrSet('href', placed(file, token.attrGet('href')));
        }
        for (const [index, token] of tokens.entries()) labelCell(tokens, index, token);
      });
      const fence = md.renderer.rules.fence;
      md.renderer.rules.fence = (tokens, index, options, env, self) => {
        if (tokens[index].info !== 'mermaid') return fence(tokens, index, options, env, self);
        const file = relative(root, env.realPath ?? env.path);
        return `<p><a href="${host}/blob/main/${file}">The diagram, on the code host</a></p>\n`;
      };
    },
  },
  transformPageData({ relativePath, frontmatter }) {
    const number = pages.findIndex(({ at }) => at === relativePath);
    const entry = members.get(relativePath);
    const linked = (one) => one !== undefined && { text: one.text, link: linkTo(one.at) };
    frontmatter.prev = linked(pages[number - 1]);
    if (number >= 0) frontmatter.next = linked(pages[number + 1] ?? pages.find(({ at }) => at === 'all.md'));
    if (entry !== undefined) frontmatter.next = { text: entry.replace(/^api\//, ''), link: `/${entry}/` };
  },
  // The theme makes no page of it that has a main part.
  transformHtml: (html) => html.replace('class="VPContent is-home"', 'role="main" $&'),
  themeConfig: {
    siteTitle: 'fapilog-tamper',
    search: { provider: 'local', options: { detailedView: true } },
    outline: { level: [2, 3] },
    externalLinkIcon: true,
    nav: [
      ...sections.slice(0, 4).map(({ text, pages: [first] }) => ({ text, link: linkTo(first.at) })),
      { text: 'API', link: linkTo(sections[4].pages[0].at) },
    ],
    sidebar: sections.map(({ text, pages: items }, index) => ({
      text,
      link: linkTo(items[0].at), // without it, its button would have a button inside
      collapsed: index > 3,
      items: items.map((item) => ({ text: item.text, link: linkTo(item.at) })),
    })),
    socialLinks: [{ icon: 'github', link: host }],
    footer: { message: 'Apache-2.0' },
  },
});

function linkTo(at) {
  return `/${at.replace(/(^|\/)index\.md$|\.md$/, '$1')}`;
}

/** Where a link that stands in a file of the repository leads to on the site. */
function placed(file, href) {
  if (/^[a-z]+:|^#/.test(href)) return href;
  const [path, anchor] = href.split('#');
  const target = posix.normalize(posix.join(dirname(file), decodeURI(path))).replace(/\/$/, '');
  const hash = anchor === undefined ? '' : `#${anchor}`;
  const at = placeOf.get(target) ?? placeOf.get(`${target}/README.md`);
  if (at !== undefined) return `${linkTo(at)}${hash}`;
  if (!existsSync(join(root, target))) throw new Error(`${file}: ${href} leads nowhere`);
  return `${host}/${statSync(join(root, target)).isDirectory() ? 'tree' : 'blob'}/main/${target}${hash}`;
}

let heads = [];
let column = 0;

/** Says in each cell of a table what its column is called: on a phone cells stand below each other. */
function labelCell(tokens, index, token) {
  const text = tokens[index + 1]?.content;
  if (token.type === 'thead_open') heads = [];
  else if (token.type === 'tr_open') column = 0;
  else if (token.type === 'th_open') {
    heads.push(text);
    if (text !== '') return;
    token.tag = 'td'; // a head without words is none, for whoever listens to it
    tokens[index + 2].tag = 'td';
  } else if (token.type === 'td_open') {
    if (heads[column] !== '' && text !== '') token.attrSet('data-head', heads[column].replaceAll('`', ''));
    if (text === '') token.attrSet('class', 'empty');
    column += 1;
  }
}
