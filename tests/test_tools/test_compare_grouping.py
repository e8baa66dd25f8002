# SPDX-License-Identifier: Apache-2.0
"""The comparison of grouping methods: its table, and a small run from end to end."""

import json

import pytest

from centergroup_mm.lab import comparison_table
from centergroup_mm.lab.crowd import CrowdSpec, generate_crowd

METHODS = {'CenterGroup', 'CenterGroup+', 'HigherHRNet + AE', 'CenterNet'}


def result(method, seed, crowding, heatmaps, **values):
    columns = comparison_table.COLUMNS.values()
    row = dict.fromkeys(key for keys, _ in columns for key in keys)
    return row | dict(
        method=method, seed=seed, crowding=crowding, heatmaps=heatmaps, **values
    )


def test_table_gives_mean_and_deviation_over_seeds():
    results = [
        result('A', 0, 0.5, 'predicted', ap=0.2, network_ms=20.0, grouping_ms=3.0),
        result('A', 1, 0.5, 'predicted', ap=0.4),
        result('B', 0, 0.5, 'predicted', ap=0.7),
        result('B', 0, 0.0, 'centers', ap=0.8),
        result('B', 0, 0.0, 'true', ap=1.0),
    ]
    table = comparison_table.markdown(results, dict(seeds=2))
    predicted, rest = table.split('With predicted keypoints and true centers:')
    centers, true = rest.split('With true heatmaps:')
    # The time is that of both parts, of the seeds that were timed.
    assert '| 0.5 | A | 30.0 ± 14.1 | - | - | - | 23.0 |' in predicted
    assert '| 0.5 | B | 70.0 | - |' in predicted
    assert '| 0.0 | B | 80.0 | - |' in centers
    assert '| 0.0 | B | 100.0 | - |' in true
    assert 'seeds 2' in table


def test_report_bears_values_that_could_not_be_measured(tmp_path):
    results = [
        result('A', 0, crowding, heatmaps, ap=0.5)
        for crowding in (0.0, 1.0)
        for heatmaps in comparison_table.TABLES
    ]
    files = comparison_table.write_comparison(tmp_path, results, dict(seeds=1))
    assert [path.suffix for path in files] == ['.json', '.md', '.png']
    assert all(path.stat().st_size for path in files)


@pytest.mark.slow
def test_small_comparison(repo_root, run_cli, tmp_path):
    crowd = tmp_path / 'crowd'
    generate_crowd(crowd, CrowdSpec(num_train=16, num_val=1, size=128))
    tool = ['python', repo_root / 'tools' / 'compare_grouping.py']
    tool += ['--quick', '--iterations', '2', '--images', '3', '--data-root', crowd]
    work_dir = tmp_path / 'work'
    printed = run_cli([*tool, '--work-dir', work_dir], cwd=tmp_path, timeout=900).stdout
    # A detector, and from it the methods.
    assert printed.count('$ mim train mmpose') == 1 + len(METHODS)
    detector = work_dir / 'seed_0' / 'detector' / 'iter_2.pth'
    assert printed.count(f'load_from={detector}') == len(METHODS)
    report = json.loads((work_dir / 'comparison.json').read_text())
    # Three crowds and three kinds of heatmaps for each.
    assert len(report['results']) == 9 * len(METHODS)
    rows = {
        (row['method'], row['crowding'], row['heatmaps']): row
        for row in report['results']
    }
    # Associative embedding groups without centers.
    for crowding in (0.0, 0.5, 1.0):
        own, helped = (
            rows['HigherHRNet + AE', crowding, heatmaps]['ap']
            for heatmaps in ('predicted', 'centers')
        )
        assert own == helped
    assert {row['method'] for row in report['results']} == METHODS
    for row in report['results']:
        assert 0 <= row['ap'] <= 1
        assert row['network_ms'] > 0 and row['grouping_ms'] > 0
    for name in ('comparison.md', 'comparison.png'):
        assert str(work_dir / name) in printed
        assert (work_dir / name).stat().st_size > 500

    again = run_cli([*tool, '--work-dir', work_dir], cwd=tmp_path, timeout=300).stdout
    assert '$ mim' not in again
    assert json.loads((work_dir / 'comparison.json').read_text()) == report
