CASE {function}({action}) WHEN 'listed' THEN {listed} WHEN 'either' THEN {either} WHEN 'probed' THEN {probed} ELSE {hashed} END
